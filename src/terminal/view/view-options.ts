import type { LayoutKind } from './layout.js';
import type { ViewPurpose } from './view-purpose.js';

export interface ViewOptions {
  /** Of the terminal, in cells: at least 1. */
  readonly columns: number;
  readonly rows: number;
  /** What the status line calls it all. */
  readonly session: string;
  /**
   * The key before a command, as `parseKeyName` takes it. Default C-g: a shell only beeps at it, and neither tmux,
   * screen nor zellij take it from a terminal inside them.
   */
  readonly prefixKey?: string;
  readonly layout?: LayoutKind;
  /** Default: session. */
  readonly purpose?: ViewPurpose;
}
