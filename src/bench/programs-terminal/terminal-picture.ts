/** What a terminal shows, as an emulator reads its bytes, and what each change of it was worth. */
import { CellGrid } from '../../terminal/cells/index.js';
import { AgentScreen } from '../../terminal/screen/index.js';
import { damageOf } from './least-bytes.js';
import { TERMINAL_SIZE } from './watched-terminal.js';

export class TerminalPicture {
  /** What the program that draws it is answered. */
  onAnswer: (text: string) => void = () => undefined;
  readonly #screen = new AgentScreen({
    ...{ ...TERMINAL_SIZE, holdUpdates: false },
    onAnswer: (text) => this.onAnswer(text),
  });
  #before = new CellGrid(TERMINAL_SIZE.columns, TERMINAL_SIZE.rows);
  #after = new CellGrid(TERMINAL_SIZE.columns, TERMINAL_SIZE.rows);
  #bytes = 0;

  take(bytes: Uint8Array): void {
    this.#bytes += bytes.byteLength;
    this.#screen.write(bytes);
  }

  /** What has come since the last one, and what the change was worth. */
  next(): { readonly bytes: number; readonly leastBytes: number } {
    const { columns, rows } = TERMINAL_SIZE;
    const screen = this.#screen;
    for (let row = 0; row < rows; row += 1) {
      screen.copyLine(screen.historyLines + row, this.#after, row, 0, columns);
    }
    const { leastBytes } = damageOf(this.#before, this.#after);
    [this.#before, this.#after] = [this.#after, this.#before];
    const bytes = this.#bytes;
    this.#bytes = 0;
    return { bytes, leastBytes };
  }

  close(): void {
    this.#screen.close();
  }
}
