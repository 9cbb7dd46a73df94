/**
 * Turns failures of file calls into errors with a code: one table for the whole runtime directory.
 */
import { SluiceError, type ErrorCode } from '../../core/index.js';

const CODE_OF_ERRNO: Readonly<Record<string, ErrorCode>> = Object.freeze({
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EMFILE: 'TOO_MANY_FILES',
  ENFILE: 'TOO_MANY_FILES',
  EACCES: 'BAD_DIRECTORY',
  EPERM: 'BAD_DIRECTORY',
  EROFS: 'BAD_DIRECTORY',
  ENOENT: 'BAD_DIRECTORY',
  ENOTDIR: 'BAD_DIRECTORY',
  ENAMETOOLONG: 'BAD_DIRECTORY',
});

/** `'ENOENT'` of a failed system call (Node's or FFI's), or undefined for any other value. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('errno' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * What to throw for `error`, met while trying to `attempt`; an error that is no failed system call
 * is passed on.
 */
export function fileFailure(attempt: string, error: unknown): unknown {
  const errno = errnoCode(error);
  if (errno === undefined) return error;
  const code = Object.hasOwn(CODE_OF_ERRNO, errno) ? CODE_OF_ERRNO[errno] : undefined;
  return new SluiceError(code ?? 'SYSTEM', `cannot ${attempt}: ${errno}`, {
    details: { attempt, errno },
    cause: error,
  });
}
