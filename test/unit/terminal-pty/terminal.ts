/** Programs in terminals for these tests, with all they write. */
import type { TestContext } from 'node:test';
import { type PtyEnd, PtyProcess } from '../../../src/terminal/pty/index.js';

/** What a noisy program wrote is forgotten, but for its end. */
const MAX_PIECES = 512;

export class Terminal {
  process!: PtyProcess;
  #pieces: Buffer[] = [];
  readonly #waiting = new Set<() => void>();
  /** Called with each piece, before it is kept. */
  onPiece: ((bytes: Uint8Array) => void) | undefined;
  byteLength = 0;

  static async run(
    command: readonly string[],
    options: {
      readonly columns?: number;
      readonly rows?: number;
      readonly environment?: Readonly<Record<string, string>>;
      readonly test?: TestContext;
    } = {},
  ): Promise<Terminal> {
    const { columns = 80, rows = 24, environment = {}, test } = options;
    const terminal = new Terminal();
    terminal.process = await PtyProcess.start(
      {
        command,
        directory: '/',
        environment: { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', ...environment },
        size: { columns, rows },
      },
      { onOutput: (bytes) => terminal.#take(bytes) },
    );
    test?.after(() => terminal.kill());
    return terminal;
  }

  get text(): string {
    return Buffer.concat(this.#pieces).toString('utf8');
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  type(text: string): boolean {
    return this.process.write(Buffer.from(text));
  }

  /** Resolves once `pattern` matches what was written so far. */
  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  get ended(): Promise<PtyEnd> {
    return this.process.ended;
  }

  kill(): void {
    try {
      process.kill(-this.process.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }

  #take(bytes: Uint8Array): void {
    this.onPiece?.(bytes);
    this.byteLength += bytes.byteLength;
    this.#pieces.push(Buffer.from(bytes));
    if (this.#pieces.length > MAX_PIECES) this.#pieces = this.#pieces.slice(-MAX_PIECES / 2);
    for (const wake of [...this.#waiting]) wake();
    this.#waiting.clear();
  }
}
