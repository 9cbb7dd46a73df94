import { type FileHandle, open } from 'node:fs/promises';
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

  /** Replaces what is there. Rejects with `SYSTEM` when the file cannot be made. */
  static async create(path: string): Promise<CastFile> {
    const file = await open(path, 'w').catch((error: unknown) => {
      throw writeFailure(path, error as NodeJS.ErrnoException);
    });
    return new CastFile(path, file);
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
