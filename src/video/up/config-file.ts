/** The file on disk: read as a whole, and watched for changes by looking at it, which no way of saving escapes. */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { printable, SluiceError } from '../../core/index.js';
import { type ConfigResult, readConfig } from './config.js';

const MAX_BYTES = 1 << 20;
const LOOK_EVERY_MS = 400;

export class ConfigFile {
  readonly path: string;
  readonly #environment: NodeJS.ProcessEnv;
  /** What was read last, and as what it was found on disk. */
  #text: string | undefined;
  #mark = '';

  constructor(path: string, environment: NodeJS.ProcessEnv) {
    this.path = path;
    this.#environment = environment;
  }

  /** Rejects with `CONFIG_INVALID` when it cannot be read. */
  async read(): Promise<ConfigResult> {
    try {
      this.#text = await this.#readText();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = printable(`${this.path} cannot be read: ${why}`, 500);
      throw new SluiceError('CONFIG_INVALID', message, { cause, details: { path: this.path } });
    }
    return readConfig(this.#text, this.#environment);
  }

  /**
   * Resolves when the file has another text than the one that was read last, or is gone; also at the signal. A file that
   * is being written is left alone until two looks find it the same.
   */
  async changed(signal: AbortSignal): Promise<void> {
    let before = this.#mark;
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      const now = await markOf(this.path);
      const isStill = now === before;
      before = now;
      if (now === this.#mark || !isStill) continue;
      this.#mark = now;
      const text = await this.#readText().catch(() => undefined);
      if (text !== this.#text) return;
    }
  }

  async #readText(): Promise<string> {
    const file = await open(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat({ bigint: true });
      if (!found.isFile()) throw new Error('it is no regular file');
      if (found.size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
      this.#mark = marked(found);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  }
}

async function markOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(marked, () => 'absent');
}

function marked(found: {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}): string {
  return [found.dev, found.ino, found.size, found.mtimeNs].join(' ');
}
