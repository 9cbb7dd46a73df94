/** Why a recording cannot be written, in words, and what of it is there. */
import { printable, SluiceError } from '../../core/index.js';

interface Reading {
  readonly found: string;
  readonly remedy: string;
}

const FULL: Reading = {
  found: 'there is no space left',
  remedy: 'Free some space, or bound the recording by --segment and --max-bytes.',
};
const FORBIDDEN: Reading = {
  found: 'this user may not write there',
  remedy: 'Choose a file that this user may write to, or give back the permission.',
};
const OTHER: Reading = { found: '', remedy: 'Choose a file that this user may write to.' };

const READINGS: Readonly<Record<string, Reading>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: {
    found: 'the file may not be larger',
    remedy:
      'Raise the limit of this process (ulimit -f) or of the file system, or record in segments: --segment.',
  },
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: { found: 'the file system is read-only', remedy: FORBIDDEN.remedy },
  EIO: { found: 'the disk fails', remedy: 'Look at the disk; the kernel log says more.' },
  EMFILE: {
    found: 'this process has too many files open',
    remedy: 'Raise its limit (ulimit -n), or record less in one process.',
  },
  ENOENT: { found: 'its folder does not exist', remedy: 'Make the folder first.' },
  EEXIST: {
    found: 'it is there already',
    remedy: 'Choose another name, or replace it: --overwrite; overwrite: true in a program.',
  },
  EISDIR: { found: 'it is a folder', remedy: 'Name a file.' },
};

/** `savedBytes`: of this file, written before. */
export function writeFailure(
  path: string,
  error: NodeJS.ErrnoException,
  savedBytes = 0,
): SluiceError {
  const { code = error.message } = error;
  const { found, remedy } = READINGS[code] ?? OTHER;
  const what = found === '' ? code : `${found} (${code})`;
  const saved = savedBytes === 0 ? '' : `; the ${savedBytes} bytes before are saved`;
  return new SluiceError('SYSTEM', `cannot write ${printable(path)}: ${what}${saved}`, {
    details: { path, errno: code, savedBytes },
    remedy: `${savedBytes === 0 ? '' : 'What was recorded before can be played. '}${remedy}`,
    cause: error,
  });
}
