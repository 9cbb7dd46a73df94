/** The file of a recording: one that is there already is not lost for it. */
import { type Stats, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { writeFailure } from './write-failure.js';

/** An empty file; devices and pipes are written to as they are. Rejects with `SYSTEM`. */
export async function createRecordingFile(path: string, overwrite = false): Promise<FileHandle> {
  const isSpecial = foundAt(path)?.isFile() === false;
  return open(path, overwrite || isSpecial ? 'w' : 'wx').catch((error: unknown) => {
    throw writeFailure(path, error as NodeJS.ErrnoException);
  });
}

/** Before there is anything to write. Throws `SYSTEM` where `createRecordingFile` would reject for that. */
export function refuseExisting(path: string): void {
  if (foundAt(path)?.isFile() !== true) return;
  throw writeFailure(path, Object.assign(new Error('it exists'), { code: 'EEXIST' }));
}

/** Also undefined for a place that cannot be looked at: that is told when it is to be written. */
function foundAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
