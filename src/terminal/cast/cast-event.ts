import type { ProgramEnd } from '../stream/index.js';

/** One event of a recording; `timeMs` counts from its beginning. */
export type CastEvent =
  | { readonly type: 'output'; readonly timeMs: number; readonly text: string }
  | {
      readonly type: 'size';
      readonly timeMs: number;
      readonly columns: number;
      readonly rows: number;
    }
  | { readonly type: 'exit'; readonly timeMs: number; readonly end: ProgramEnd };

/** The first line of a recording. */
export interface CastHeader {
  readonly columns: number;
  readonly rows: number;
  /** When it began, in seconds since 1970. */
  readonly timestamp?: number;
  readonly title?: string;
}
