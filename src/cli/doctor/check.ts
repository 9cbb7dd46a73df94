/** One finding of `sluice doctor`. */
import { SluiceError } from '../../core/index.js';

/**
 * ok · none: not there, and not needed · warn: works, with a drawback · COPY: data is copied that could
 * be read in place · FAIL: does not work.
 */
export type Level = 'ok' | 'none' | 'warn' | 'COPY' | 'FAIL';

export interface Check {
  readonly level: Level;
  /** Stable, for programs. */
  readonly topic: string;
  readonly text: string;
  /** What to do, as a command where there is one. */
  readonly remedy?: string;
  /** For `sluice help`. */
  readonly code?: string;
}

export function ok(topic: string, text: string): Check {
  return { level: 'ok', topic, text };
}

export function none(topic: string, text: string): Check {
  return { level: 'none', topic, text };
}

export function warn(topic: string, text: string, remedy: string): Check {
  return { level: 'warn', topic, text, remedy };
}

/** A finding that did not work, in the words of what was thrown. Faults of this program pass through. */
export function failed(topic: string, error: unknown): Check {
  if (!(error instanceof SluiceError)) throw error;
  const { code, message, remedy } = error;
  return { level: 'FAIL', topic, text: message, remedy, code };
}
