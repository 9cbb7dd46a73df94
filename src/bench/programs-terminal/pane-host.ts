/** Something that shows many programs in one terminal: a session of agents, or tmux. */
import type { TerminalPicture } from './terminal-picture.js';
import type { WatchedTerminal } from './watched-terminal.js';

export interface PaneProgram {
  /** Letters, digits and hyphens. */
  readonly name: string;
  readonly command: readonly string[];
}

export interface PaneHostOptions {
  /** For its files, and nobody else's. */
  readonly folder: string;
  readonly programs: readonly PaneProgram[];
  /** The one that has the keys. */
  readonly focus: string;
}

export interface AttachOptions {
  /** A program that alone is shown, over the whole terminal. Default: all of them, and `focus` has the keys. */
  readonly alone?: string;
  readonly picture?: TerminalPicture;
}

export interface PaneHost {
  /** Of the process that has the terminals of the programs. */
  readonly pid: number;
  /** Shows the programs in a new terminal, or one alone. Resolves when it has drawn them. */
  attach(options?: AttachOptions): Promise<WatchedTerminal>;
  /** Ends it and its programs. Twice is harmless. */
  stop(): Promise<void>;
}
