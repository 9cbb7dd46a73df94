/** What a session holds one of for each agent, wherever it runs. */
import type { TerminalSize } from '../../ffi/index.js';
import type { AgentAttention } from '../attention/index.js';
import type { ClipboardGate, Permissions } from '../policy/index.js';
import type { AgentScreen } from '../screen/index.js';
import type { Attention } from '../stream/index.js';
import type { AgentLog } from './agent-log.js';

/** What there is of an agent. */
export type AgentStatus =
  | 'starting'
  | 'running'
  /** It has ended, and is started again in a moment. */
  | 'restarting'
  | 'ended'
  /** Of another process, by its channel. */
  | 'foreign'
  /** Its publisher is gone. */
  | 'lost';

/** What `sluice agents ls --json` tells of one. */
export interface AgentInfo {
  readonly name: string;
  readonly channel: string;
  readonly status: AgentStatus;
  /** Empty for an agent of another process. */
  readonly command: readonly string[];
  readonly directory: string;
  readonly pid: number | undefined;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly restarts: number;
  /** Milliseconds since the epoch: of the last start. */
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  readonly columns: number;
  readonly rows: number;
  readonly attention: Attention;
  /** Somebody has looked at it since its attention changed. */
  readonly seen: boolean;
  /** What it called itself, where it may (OSC 0 and 2); printable. */
  readonly title: string;
  /** What its output may do beyond its own pane. */
  readonly permissions: Permissions;
  readonly log: {
    readonly directory: string;
    readonly firstSequence: number;
    readonly sequence: number;
    /** Why it cannot be written at the moment; empty when all is well. */
    readonly problem: string;
  };
}

export interface SessionPane {
  readonly name: string;
  readonly screen: AgentScreen;
  readonly attention: AgentAttention;
  readonly log: AgentLog;
  readonly clipboard: ClipboardGate;
  seen: boolean;
  info(): AgentInfo;
  /** Types into it; false when it takes nothing: too much waits, it has ended, it runs elsewhere. */
  input(bytes: Uint8Array): boolean;
  resize(size: TerminalSize): void;
  /** Whether `resize` would change nothing. */
  fits(size: TerminalSize): boolean;
  /** Ends what runs and frees everything. */
  close(killAfterMs: number): Promise<void>;
}

/** What a pane tells its session. */
export interface PaneEvents {
  /** Its picture changed. */
  onPicture(pane: string): void;
  /** Its attention or its status changed. */
  onState(pane: string): void;
  /** For the log of the host. */
  onNotice(text: string): void;
  /** Text for the clipboard of the user's terminal, which it may write. */
  onCopy(pane: string, text: string): void;
  /** It asks whether it may. */
  onCopyRequest(pane: string): void;
}
