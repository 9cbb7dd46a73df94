/** tmux as a terminal that is fed bytes: an emulator that shares nothing with the one inside the screens. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { type CapturedCell, cellsOfCapture } from './tmux-capture.js';
import { TmuxControl } from './tmux-control.js';

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
  readonly #tmux: TmuxControl;
  readonly #tty: number;
  readonly #answers: ReadStream;
  #size: TerminalSize;
  #answered = '';
  #onAnswer: () => void = () => undefined;

  private constructor(tmux: TmuxControl, path: string, size: TerminalSize) {
    this.#tmux = tmux;
    this.#size = size;
    this.#tty = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    this.#answers = new ReadStream(openSync(path, constants.O_RDWR | constants.O_NOCTTY));
    this.#answers.on('data', (bytes: Buffer) => {
      this.#answered += bytes.toString('latin1');
      this.#onAnswer();
    });
  }

  static async start(size: TerminalSize): Promise<TmuxTerminal> {
    // When the program says so its terminal is in raw mode.
    const program = 'stty raw -echo; tmux wait-for -S raw; exec sleep 600';
    const tmux = new TmuxControl(size.columns, size.rows, program);
    await tmux.run('refresh-client -f no-output');
    await tmux.run('wait-for raw');
    const [path = ''] = await tmux.run("display-message -p '#{pane_tty}'");
    return new TmuxTerminal(tmux, path, size);
  }

  /**
   * What it shows when all of this has happened to a new terminal. Of a row tmux tells nothing behind the last cell that
   * was written, erased in colours or not. So everything is played twice, and then a letter written to each last column,
   * the second time after all was moved one to the left: together they tell all cells. At least 6 columns.
   */
  async play(size: TerminalSize, events: readonly TerminalEvent[]): Promise<CapturedScreen> {
    const columns = events.findLast((event) => event.type === 'size')?.columns ?? size.columns;
    const end = (row: number): string => `${CSI}${row};${columns}H|`;
    const cursor = await this.#playOnce(size, events);
    const inPlace = await this.#cells(end);
    await this.#playOnce(size, events);
    // What is left of a wide glyph in the first column would not be told.
    const moved = await this.#cells((row) => `${CSI}${row}H${CSI}P${CSI}${row}H|${end(row)}`);
    const cells = inPlace.map((row, y) => [...row.slice(0, 3), ...(moved[y] ?? []).slice(2, -1)]);
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
    const [state = ''] = await this.#tmux.run(`display-message -p '${FORMAT}'`);
    const [column = 0, row = 0, visible] = state.split(' ').map(Number);
    return cursorText(Math.min(column, this.#size.columns - 1), row, visible === 1);
  }

  async #cells(mark: (row: number) => string): Promise<CapturedCell[][]> {
    const { columns, rows } = this.#size;
    const marks = Array.from({ length: rows }, (_, row) => mark(row + 1));
    await this.#write(Buffer.from(`${PLAIN_MODES}${marks.join('')}`));
    return cellsOfCapture(await this.#tmux.run('capture-pane -p -e -N'), columns);
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
    await this.#tmux.run(`resize-window -x ${columns} -y ${rows}`);
  }

  async close(): Promise<void> {
    this.#answers.destroy();
    closeSync(this.#tty);
    await this.#tmux.close();
  }
}
