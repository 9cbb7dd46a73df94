/** A user of a shell in tmux, who may have agents there. */
import type { TestContext } from 'node:test';
import { type AgentStage, pause } from './agent-stage.js';
import { TmuxControl } from './tmux-control.js';
import type { TerminalSize } from './tmux-terminal.js';

export class TmuxUser {
  readonly #tmux: TmuxControl;
  #closed: Promise<void> | undefined;

  constructor(test: TestContext, stage: AgentStage, { columns, rows }: TerminalSize) {
    const variables = `SLUICE_DIR=${stage.directory} XDG_STATE_HOME=${stage.state} PS1='user> '`;
    const program = `exec env ${variables} bash --norc --noprofile`;
    this.#tmux = new TmuxControl(columns, rows, program);
    test.after(() => this.close());
  }

  async type(text: string): Promise<void> {
    await this.#tmux.run(`send-keys -l '${text.replaceAll("'", String.raw`'\''`)}'`);
  }

  /** As tmux calls them. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux.run(`send-keys ${keys.join(' ')}`);
  }

  /** A key after the prefix. */
  async command(key: string): Promise<void> {
    await this.press('C-g', `'${key}'`);
  }

  async line(text: string): Promise<void> {
    await this.type(text);
    await this.press('Enter');
  }

  async text(): Promise<string> {
    return (await this.#tmux.run('capture-pane -p')).join('\n');
  }

  async shows(...patterns: readonly RegExp[]): Promise<string> {
    for (;;) {
      const text = await this.text();
      if (patterns.every((pattern) => pattern.test(text))) return text;
      await pause();
    }
  }

  /** What it says for a format. */
  async tells(format: string): Promise<string> {
    return (await this.#tmux.run(`display-message -p '${format}'`)).join('\n');
  }

  /** The terminal is gone, for all that run in it. Twice is harmless. */
  close(): Promise<void> {
    this.#closed ??= this.#tmux.close();
    return this.#closed;
  }
}
