/** What a failed connection to a channel's socket means. No FFI: the observer of `sluice ls` uses it too. */
import { printable, SluiceError } from '../../core/index.js';

/** Waits between attempts while the publisher's queue of connections is full. */
export const FIRST_RETRY_MS = 5;
export const MAX_RETRY_MS = 200;

/** The next wait, with jitter: many clients that were refused together must not come back together. */
export function retryDelayMs(attempt: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Whether an errno symbol of connect(2) means that the listener's queue is full: busy or stopped, not gone. */
export function isBusy(code: unknown): boolean {
  return code === 'EAGAIN';
}

/** Whether an error the publisher sent asks to come again. */
export function asksToRetry(error: unknown): boolean {
  return error instanceof SluiceError && error.details['busy'] === true;
}

/** The error for a connect(2) that failed with `code`. */
export function connectFailure(path: string, code: string, cause: unknown): SluiceError {
  const shown = printable(path);
  const options = { details: { path, code }, cause };
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new SluiceError('CHANNEL_NOT_FOUND', `there is no socket ${shown}`, options);
    case 'ECONNREFUSED':
      return new SluiceError('CHANNEL_NOT_FOUND', `nobody listens at ${shown}`, options);
    case 'EACCES':
    case 'EPERM':
      return new SluiceError(
        'ACCESS_DENIED',
        `user ${process.geteuid?.()} may not connect to ${shown}`,
        options,
      );
    case 'EMFILE':
    case 'ENFILE':
      return new SluiceError(
        'TOO_MANY_FILES',
        `no descriptor left to connect to ${shown}`,
        options,
      );
    default:
      return new SluiceError('SYSTEM', `cannot connect to ${shown}: ${code}`, options);
  }
}

/** The error for a deadline that passed: `connected` tells whether the kernel had taken the connection. */
export function noAnswer(path: string, timeoutMs: number, connected: boolean): SluiceError {
  const what = connected ? 'does not answer' : 'does not take connections';
  return new SluiceError(
    'NO_ANSWER',
    `the publisher at ${printable(path)} ${what} for ${timeoutMs} ms: it is stopped or its event loop is blocked`,
    { details: { path, timeoutMs, connected } },
  );
}

/** The error for a connection that ended without WELCOME or ERROR. */
export function endedUnanswered(path: string): SluiceError {
  return new SluiceError(
    'CHANNEL_NOT_FOUND',
    `the publisher at ${printable(path)} closed the connection without an answer`,
    { details: { path }, remedy: 'It was ending, or out of descriptors: try again.' },
  );
}
