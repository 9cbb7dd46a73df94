/** Standard output for lines with the colours of agents. */
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { assumedCapabilities, type PenOptions } from '../terminal/output/index.js';
import type { Run } from './run.js';

export class LineOutput {
  /** What may be written to it. */
  readonly pen: PenOptions;
  readonly #run: Run;
  /** Into a file go colours and the like only when they are asked for, as programs do. */
  readonly #isPlain: boolean;

  constructor(run: Run) {
    this.#run = run;
    const { isTTY } = process.stdout;
    const { colors, underlineStyles, hyperlinks } = assumedCapabilities(process.env);
    this.#isPlain = !isTTY && !process.env['FORCE_COLOR'];
    this.pen = { colors, underlineStyles, hyperlinks: hyperlinks && isTTY };
  }

  /** Resolves when the output takes more. */
  async write(lines: Uint8Array): Promise<void> {
    if (lines.byteLength === 0) return;
    const written = this.#isPlain ? stripVTControlCharacters(Buffer.from(lines).toString()) : lines;
    if (process.stdout.write(written) || this.#run.ended) return;
    await once(process.stdout, 'drain', { signal: this.#run.signal }).catch(() => undefined);
  }
}
