import type { Key } from './key.js';

export interface KeyEvent {
  readonly type: 'key';
  readonly key: Key;
  /** Told apart where the terminal speaks the kitty protocol with event types; else every event is a press. */
  readonly action: 'press' | 'repeat' | 'release';
}

/** Text that was pasted, as one event. */
export interface PasteEvent {
  readonly type: 'paste';
  readonly text: string;
  /** More was pasted than is kept: the rest is missing. */
  readonly truncated: boolean;
}

export type MouseButton = 'left' | 'middle' | 'right' | 'none';

export interface MouseEvent {
  readonly type: 'mouse';
  readonly action: 'press' | 'release' | 'drag' | 'move' | 'wheel-up' | 'wheel-down';
  readonly button: MouseButton;
  /** Cells, counted from 0. */
  readonly column: number;
  readonly row: number;
  readonly ctrl: boolean;
  readonly alt: boolean;
  readonly shift: boolean;
}

export interface FocusEvent {
  readonly type: 'focus';
  readonly focused: boolean;
}

/** What the terminal answered to a query of ours: never a key. */
export type ReplyEvent =
  | { readonly type: 'reply'; readonly about: 'attributes' }
  | {
      readonly type: 'reply';
      readonly about: 'mode';
      readonly mode: number;
      readonly value: number;
    }
  | { readonly type: 'reply'; readonly about: 'keyboard'; readonly flags: number }
  | { readonly type: 'reply'; readonly about: 'other' };

export type InputEvent = KeyEvent | PasteEvent | MouseEvent | FocusEvent | ReplyEvent;
