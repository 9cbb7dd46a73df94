/** A user in front of a terminal that a command of ours runs in. */
import type { TestContext } from 'node:test';
import { PtyProcess } from '../../src/terminal/pty/index.js';
import { AgentScreen } from '../../src/terminal/screen/index.js';
import { plainLines } from '../../src/terminal/view/screen-text.js';
import { isAlive, pause } from './agent-stage.js';
import { CLI } from './cli-program.js';

export interface DeskOptions {
  /** Of the command line. */
  readonly words: readonly string[];
  readonly size: { readonly columns: number; readonly rows: number };
  readonly environment: Readonly<Record<string, string>>;
  /** For bash, in place of the words: Node and our program are its `$0` and `$1`. */
  readonly script?: string | undefined;
  /** What the terminal says in place of an answer; without it the answer itself. */
  readonly answer?: ((text: string) => string) | undefined;
}

/** Lines above the screen that are kept. */
const HISTORY_LINES = 5000;

export class Desk {
  readonly process: PtyProcess;
  /** Everything that was written to the terminal. */
  readonly #output: Uint8Array[];
  readonly #screen: AgentScreen;

  private constructor(process: PtyProcess, screen: AgentScreen, output: Uint8Array[]) {
    this.process = process;
    this.#screen = screen;
    this.#output = output;
  }

  static async open(test: TestContext, options: DeskOptions): Promise<Desk> {
    const { words, size, environment, script, answer: said = (text) => text } = options;
    const own = [process.execPath, CLI];
    let answer = (_text: string): void => undefined;
    const screen = new AgentScreen({
      ...size,
      maxHistoryLines: HISTORY_LINES,
      onAnswer: (text) => answer(text),
    });
    const output: Uint8Array[] = [];
    const { PATH = '' } = process.env;
    const started = await PtyProcess.start(
      {
        command: script === undefined ? [...own, ...words] : ['bash', '-c', script, ...own],
        directory: '/',
        environment: { PATH, TERM: 'xterm-256color', ...environment },
        size,
      },
      {
        onOutput: (bytes) => {
          output.push(bytes.slice());
          screen.write(bytes);
        },
      },
    );
    answer = (text) => void started.write(Buffer.from(said(text)));
    test.after(() => {
      if (isAlive(started.pid)) process.kill(started.pid, 'SIGKILL');
    });
    return new Desk(started, screen, output);
  }

  get alternate(): boolean {
    return this.#screen.modes.alternateScreen;
  }

  get bracketedPaste(): boolean {
    return this.#screen.modes.bracketedPaste;
  }

  /** Of the kitty protocol: what its keys are sent as. */
  get keyboardFlags(): number {
    return this.#screen.modes.kittyKeyboardFlags;
  }

  get cursor(): { readonly column: number; readonly row: number } {
    return this.#screen.cursor;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#output);
  }

  /** With what has left the screen upwards, without what follows the last line that shows something. */
  get lines(): readonly string[] {
    const lines = [...plainLines(this.#screen, HISTORY_LINES)];
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  get text(): string {
    return plainLines(this.#screen, 0).join('\n');
  }

  /** Nothing of its modes was left behind. */
  get isSane(): boolean {
    const { alternateScreen, bracketedPaste, focusEvents, mouse, kittyKeyboardFlags } =
      this.#screen.modes;
    return (
      !(alternateScreen || bracketedPaste || focusEvents) &&
      mouse === 'none' &&
      kittyKeyboardFlags === 0 &&
      this.#screen.cursor.visible
    );
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows);
    this.process.resize({ columns, rows });
  }

  type(text: string): void {
    this.process.write(Buffer.from(text));
  }

  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await pause();
  }
}
