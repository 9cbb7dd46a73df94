/** A user in front of a terminal: what a command shows there, and what is typed. */
import type { TestContext } from 'node:test';
import { PtyProcess } from '../../src/terminal/pty/index.js';
import { AgentScreen } from '../../src/terminal/screen/index.js';
import { plainLines } from '../../src/terminal/view/screen-text.js';
import { isAlive, pause } from './agent-stage.js';
import { CLI } from './cli-program.js';

export class Desk {
  readonly process: PtyProcess;
  readonly #screen: AgentScreen;

  private constructor(process: PtyProcess, screen: AgentScreen) {
    this.process = process;
    this.#screen = screen;
  }

  /** Runs `sluice` with these words, until the test is over at the latest. */
  static async run(
    test: TestContext,
    words: readonly string[],
    size: { readonly columns: number; readonly rows: number },
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Desk> {
    let answer = (_text: string): void => undefined;
    const screen = new AgentScreen({
      ...size,
      onAnswer: (text) => answer(text),
    });
    const { PATH = '' } = process.env;
    const started = await PtyProcess.start(
      {
        command: [process.execPath, CLI, ...words],
        directory: '/',
        environment: { PATH, TERM: 'xterm-256color', ...environment },
        size,
      },
      { onOutput: (bytes) => screen.write(bytes) },
    );
    answer = (text) => void started.write(Buffer.from(text));
    test.after(() => {
      if (isAlive(started.pid)) process.kill(started.pid, 'SIGKILL');
    });
    return new Desk(started, screen);
  }

  get alternate(): boolean {
    return this.#screen.modes.alternateScreen;
  }

  get text(): string {
    return plainLines(this.#screen, 0).join('\n');
  }

  /** What of the terminal's modes a program may have left behind. */
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
