/** Where merged lines go: standard output, whatever it is. */
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { assumedCapabilities, type PenOptions } from '../../terminal/output/index.js';
import type { Run } from '../run.js';

/** Takes bytes, and says when it takes more. */
export interface LinesSink {
  /** What may be written to it. */
  readonly pen: PenOptions;
  /** Of a terminal; undefined: a pipe or a file. */
  readonly columns: number | undefined;
  /** What was written is still on its way: nothing is to be written until `room` resolves. */
  readonly busy: boolean;
  room(): Promise<void>;
  /** The bytes may be used again afterwards. */
  write(bytes: Uint8Array): void;
  /** `call` is called when `columns` may have changed, until the sink is closed. */
  onResize(call: () => void): void;
  close(): void;
}

export class StandardOutput implements LinesSink {
  readonly pen: PenOptions;
  readonly #run: Run;
  /** Into a file go colours and the like only when they are asked for, as programs do. */
  readonly #isPlain = !process.stdout.isTTY && !process.env['FORCE_COLOR'];
  #resized: (() => void) | undefined;

  constructor(run: Run) {
    this.#run = run;
    const { colors, underlineStyles, hyperlinks } = assumedCapabilities(process.env);
    this.pen = { colors, underlineStyles, hyperlinks: hyperlinks && process.stdout.isTTY };
  }

  get columns(): number | undefined {
    return process.stdout.isTTY ? process.stdout.columns : undefined;
  }

  get busy(): boolean {
    return process.stdout.writableNeedDrain && !this.#run.ended;
  }

  async room(): Promise<void> {
    await once(process.stdout, 'drain', { signal: this.#run.signal }).catch(() => undefined);
  }

  write(bytes: Uint8Array): void {
    // The stream keeps what it cannot write at once.
    const kept = this.#isPlain
      ? stripVTControlCharacters(Buffer.from(bytes).toString())
      : bytes.slice();
    process.stdout.write(kept);
  }

  onResize(call: () => void): void {
    this.close();
    this.#resized = call;
    process.stdout.on('resize', call);
  }

  close(): void {
    if (this.#resized !== undefined) process.stdout.off('resize', this.#resized);
    this.#resized = undefined;
  }
}
