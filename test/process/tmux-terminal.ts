/** tmux as a terminal that is fed bytes: an emulator that shares nothing with the one inside the screens. */
import { execFile, execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { promisify } from 'node:util';
import { type CapturedCell, cellsOfCapture } from './tmux-capture.js';

const run = promisify(execFile);

/** Undefined where it is there. */
export function noTmux(): string | undefined {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no tmux';
  }
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a terminal shows at a moment. */
export interface CapturedScreen {
  readonly cells: readonly (readonly CapturedCell[])[];
  readonly cursor: string;
}

/** Bytes, or a new size, which never comes in the middle of a sequence; none are open at the end. */
export type TerminalEvent =
  | { readonly type: 'output'; readonly bytes: Uint8Array }
  | ({ readonly type: 'size' } & TerminalSize);

/** DSR 5, and what is answered when everything before it was carried out. */
const ASK = '\u001b[5n';
const ANSWER = '\u001b[0n';
/** RIS leaves the alternate screen and the saved cursor as they are. */
const RESET = '\u001b[?1049l\u001bc\u001b7';
const CSI = '\u001b[';
/** No origin, no insertion, no wrap, no region, no attributes, letters as they are. */
const PLAIN_MODES = `${CSI}?6l${CSI}4l${CSI}?7l${CSI}r${CSI}m\u001b(B\u000f`;
/** A terminal takes 4095 bytes at a time. */
const PIECE_BYTES = 1024;

const FORMAT = '#{cursor_x} #{cursor_y} #{cursor_flag}';

export function cursorText(column: number, row: number, visible: boolean): string {
  return `${column} ${row} ${visible ? 'shown' : 'hidden'}`;
}

/**
 * A pane whose program sleeps: the bytes are written to its terminal from here, and what tmux answers is read from there.
 */
export class TmuxTerminal {
  readonly #folder: string;
  readonly #words: readonly string[];
  readonly #tty: number;
  readonly #answers: ReadStream;
  #size: TerminalSize;
  #answered = '';
  #onAnswer: () => void = () => undefined;

  private constructor(folder: string, words: readonly string[], path: string, size: TerminalSize) {
    this.#folder = folder;
    this.#words = words;
    this.#size = size;
    this.#tty = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    this.#answers = new ReadStream(openSync(path, constants.O_RDWR | constants.O_NOCTTY));
    this.#answers.on('data', (bytes: Buffer) => {
      this.#answered += bytes.toString('latin1');
      this.#onAnswer();
    });
  }

  static async start(size: TerminalSize): Promise<TmuxTerminal> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-test-tmux-'));
    writeFileSync(join(folder, 'conf'), 'set -g status off\n');
    const words = ['-f', join(folder, 'conf'), '-S', join(folder, 'socket')];
    const format = ['-P', '-F', '#{pane_tty}'];
    const place = ['-x', `${size.columns}`, '-y', `${size.rows}`];
    // When it says so its terminal is in raw mode.
    const program = `stty raw -echo; tmux ${words.join(' ')} wait-for -S raw; exec sleep 600`;
    const { stdout } = await tmux(words, 'new-session', '-d', ...place, ...format, program);
    await tmux(words, 'wait-for', 'raw');
    return new TmuxTerminal(folder, words, stdout.trim(), size);
  }

  /**
   * What it shows when all of this has happened to a new terminal. Of a row tmux tells nothing behind the last cell that
   * was written, erased in colours or not. So everything is played twice, and then a letter written to each last column,
   * the second time after all was moved one to the left: together they tell all cells. At least 4 columns.
   */
  async play(size: TerminalSize, events: readonly TerminalEvent[]): Promise<CapturedScreen> {
    const columns = events.findLast((event) => event.type === 'size')?.columns ?? size.columns;
    const cursor = await this.#playOnce(size, events);
    const inPlace = await this.#cells((row) => `${CSI}${row};${columns}H|`);
    await this.#playOnce(size, events);
    const moved = await this.#cells((row) => `${CSI}${row}H${CSI}P${CSI}${row};${columns}H|`);
    const cells = inPlace.map((row, y) => [...row.slice(0, 2), ...(moved[y] ?? []).slice(1, -1)]);
    return { cells, cursor };
  }

  /** Where the cursor is then. */
  async #playOnce(size: TerminalSize, events: readonly TerminalEvent[]): Promise<string> {
    await this.#write(Buffer.from(RESET));
    await this.#resize(size);
    const pending: Uint8Array[] = [];
    for (const event of events) {
      if (event.type === 'output') pending.push(event.bytes);
      else {
        await this.#write(Buffer.concat(pending.splice(0)));
        await this.#resize(event);
      }
    }
    await this.#write(Buffer.concat(pending));
    const { stdout } = await tmux(this.#words, 'display-message', '-p', FORMAT);
    const [column = 0, row = 0, visible] = stdout.split(' ').map(Number);
    return cursorText(Math.min(column, this.#size.columns - 1), row, visible === 1);
  }

  async #cells(mark: (row: number) => string): Promise<CapturedCell[][]> {
    const { columns, rows } = this.#size;
    const marks = Array.from({ length: rows }, (_, row) => mark(row + 1));
    await this.#write(Buffer.from(`${PLAIN_MODES}${marks.join('')}`));
    const { stdout } = await tmux(this.#words, 'capture-pane', '-p', '-e', '-N');
    return cellsOfCapture(stdout.split('\n').slice(0, rows), columns);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const asked = Buffer.from(bytes).toString('latin1').split(ASK).length;
    const all = Buffer.concat([bytes, Buffer.from(ASK)]);
    for (let at = 0; at < all.length;) {
      at += writeSync(this.#tty, all, at, Math.min(PIECE_BYTES, all.length - at));
    }
    while (this.#answered.split(ANSWER).length - 1 < asked) {
      await new Promise<void>((resolve) => (this.#onAnswer = resolve));
    }
    this.#answered = '';
  }

  async #resize({ columns, rows }: TerminalSize): Promise<void> {
    if (this.#size.columns === columns && this.#size.rows === rows) return;
    this.#size = { columns, rows };
    await tmux(this.#words, 'resize-window', '-x', `${columns}`, '-y', `${rows}`);
  }

  async close(): Promise<void> {
    this.#answers.destroy();
    closeSync(this.#tty);
    await tmux(this.#words, 'kill-server').catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function tmux(server: readonly string[], ...words: readonly string[]): Promise<{ stdout: string }> {
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TMUX: '' };
  return run('tmux', [...server, ...words], { env, encoding: 'utf8', maxBuffer: 1 << 24 });
}
