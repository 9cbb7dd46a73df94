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
}

export class Desk {
  readonly process: PtyProcess;
  readonly #screen: AgentScreen;
  /** All that was written to the terminal. */
  written = '';

  private constructor(process: PtyProcess, screen: AgentScreen) {
    this.process = process;
    this.#screen = screen;
  }

  static async open(test: TestContext, options: DeskOptions): Promise<Desk> {
    const { words, size, environment, script } = options;
    const own = [process.execPath, CLI];
    let answer = (_text: string): void => undefined;
    const screen = new AgentScreen({
      ...size,
      onAnswer: (text) => answer(text),
    });
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
          screen.write(bytes);
          desk.written += Buffer.from(bytes).toString('latin1');
        },
      },
    );
    const desk = new Desk(started, screen);
    answer = (text) => void started.write(Buffer.from(text));
    test.after(() => {
      if (isAlive(started.pid)) process.kill(started.pid, 'SIGKILL');
    });
    return desk;
  }

  get alternate(): boolean {
    return this.#screen.modes.alternateScreen;
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

  type(text: string): void {
    this.process.write(Buffer.from(text));
  }

  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await pause();
  }
}
