/** Failing system calls as the conditions a user can act on. */
import { SluiceError } from '../core/index.js';

/** The part that `SystemCallError` and Node's own errors have in common. */
interface CodedError {
  readonly code: string;
  readonly errno?: number;
  readonly call?: string;
  readonly syscall?: string;
  readonly message: string;
}

/** The {@link SluiceError} for a failed call; anything without an errno comes back unchanged. */
export function systemFailure(attempt: string, error: unknown): unknown {
  if (error instanceof SluiceError || !isCoded(error)) return error;
  const { code, message } = error;
  const details = { call: error.call ?? error.syscall, errno: error.errno, code };
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new SluiceError(
      'TOO_MANY_FILES',
      `cannot ${attempt}: no file descriptor is left (${message})`,
      {
        details,
        cause: error,
      },
    );
  }
  if (code === 'ENOSPC' || code === 'ENOMEM') {
    return new SluiceError('NO_SPACE', `cannot ${attempt}: ${message}`, { details, cause: error });
  }
  return new SluiceError('SYSTEM', `cannot ${attempt}: ${message}`, { details, cause: error });
}

function isCoded(error: unknown): error is CodedError {
  return (
    error instanceof Error &&
    typeof (error as { code?: unknown }).code === 'string' &&
    'errno' in error
  );
}
