import type { FileHandle } from 'node:fs/promises';
import { createRecordingFile } from '../../video/record/recording-file.js';
import { writeFailure } from '../../video/record/write-failure.js';

/** An asciicast that is being written. */
export class CastFile {
  events = 0;
  byteLength = 0;
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Rejects with `SYSTEM` when the file cannot be made, and for one that is there unless it is to be replaced. */
  static async create(path: string, overwrite?: boolean): Promise<CastFile> {
    return new CastFile(path, await createRecordingFile(path, overwrite));
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Resolves when the file has taken them; rejects with `SYSTEM` when it takes no more. `events`: how many lines count. */
  async write(lines: string, events = 0): Promise<void> {
    if (lines === '') return;
    try {
      await this.#file.appendFile(lines);
    } catch (error) {
      throw writeFailure(this.#path, error as NodeJS.ErrnoException, this.byteLength);
    }
    this.byteLength += Buffer.byteLength(lines);
    this.events += events;
  }
}
