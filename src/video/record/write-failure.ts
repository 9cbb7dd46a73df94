/** Why a recording cannot be written, in words. */
import { printable, SluiceError } from '../../core/index.js';

const FULL: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

export function writeFailure(path: string, error: NodeJS.ErrnoException): SluiceError {
  const { code = error.message } = error;
  const isFull = FULL.includes(error.code);
  const what = isFull ? `there is no space left (${code})` : code;
  const message = `cannot write ${printable(path)}: ${what}`;
  return new SluiceError('SYSTEM', message, {
    details: { path, errno: code },
    remedy: isFull
      ? 'What was recorded before is kept. Free some space, or bound the recording by --segment and --max-bytes.'
      : 'Choose a file that this user may write to.',
    cause: error,
  });
}
