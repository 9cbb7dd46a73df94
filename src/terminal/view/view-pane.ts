import type { PaneContent } from '../cells/index.js';
import type { CopyAnswer, CopyRequest } from '../policy/index.js';
import type { PlaybackCommand } from './playback-keys.js';

/** What an agent is doing, as far as is known. */
export type PaneState = 'working' | 'waits' | 'quiet' | 'done' | 'failed';

/** One pane of a view, as its owner describes it. All text may be foreign. */
export interface ViewPane {
  /** Unlike that of every other pane; what actions name. */
  readonly name: string;
  /** Colour word of the name: the agent's own. */
  readonly color: number;
  readonly state: PaneState;
  /** A few words beside the name: what it waits for, how it ended. May be empty. */
  readonly note: string;
  readonly content: PaneContent;
  /** What it wants to copy to the user's clipboard, while nobody has answered. */
  readonly copyRequest?: CopyRequest | undefined;
}

/** What a view asks of its owner. */
export type ViewAction =
  | { readonly type: 'input'; readonly pane: string; readonly bytes: Uint8Array }
  | { readonly type: 'focus'; readonly pane: string }
  /** `pane`: the one in focus. */
  | { readonly type: 'playback'; readonly command: PlaybackCommand; readonly pane: string }
  | { readonly type: 'new'; readonly command: string }
  | { readonly type: 'kill'; readonly pane: string }
  /** Into the clipboard of the user's terminal: the user asked for it. */
  | { readonly type: 'copy'; readonly text: string }
  | {
      readonly type: 'answer-copy';
      readonly pane: string;
      readonly request: CopyRequest;
      readonly answer: CopyAnswer;
    }
  | { readonly type: 'redraw' }
  | { readonly type: 'suspend' }
  | { readonly type: 'detach' };
