/** The file of a recording: one that is there already is not lost for it. */
import { statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { writeFailure } from './write-failure.js';

/** An empty file; devices and pipes are written to as they are. Rejects with `SYSTEM`. */
export async function createRecordingFile(path: string, overwrite = false): Promise<FileHandle> {
  const found = statSync(path, { throwIfNoEntry: false });
  const isSpecial = found !== undefined && !found.isFile();
  return open(path, overwrite || isSpecial ? 'w' : 'wx').catch((error: unknown) => {
    throw writeFailure(path, error as NodeJS.ErrnoException);
  });
}

/** Before there is anything to write. Throws `SYSTEM` where `createRecordingFile` would reject for that. */
export function refuseExisting(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
  throw writeFailure(path, Object.assign(new Error('it exists'), { code: 'EEXIST' }));
}
