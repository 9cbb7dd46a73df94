/** The same programs in tmux: a server of its own, with nothing of the user's. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { endWithRun } from '../child-program.js';
import { type AttachOptions, DRAWN_MS, type PaneHost, type PaneHostOptions } from './pane-host.js';
import { TERMINAL_SIZE, WatchedTerminal } from './watched-terminal.js';

const TIMEOUT_MS = 60_000;
const LOOK_MS = 10;
/** It stands in the status line, which has room for few letters. */
const SESSION = 'bench';

const execute = promisify(execFile);

/** What every command line to the server of `folder` starts with. Throws where there is no tmux. */
export function tmuxWords(folder: string): readonly string[] {
  if (spawnSync('tmux', ['-V']).status !== 0) throw new Error('no tmux');
  return ['tmux', '-u', '-f', '/dev/null', '-S', join(folder, 'tmux')];
}

export class TmuxServer implements PaneHost {
  readonly #words: readonly string[];
  readonly #focus: string;
  readonly #forget = endWithRun(this);
  readonly #panes = new Map<string, string>();
  #pid = 0;

  private constructor({ folder, focus }: PaneHostOptions) {
    this.#words = tmuxWords(folder);
    this.#focus = focus;
  }

  static async start(options: PaneHostOptions): Promise<TmuxServer> {
    const server = new TmuxServer(options);
    try {
      await server.#open(options);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get pid(): number {
    return this.#pid;
  }

  async attach({ alone = this.#focus, picture }: AttachOptions = {}): Promise<WatchedTerminal> {
    const pane = ['-t', this.#panes.get(alone)!];
    await this.#tell('select-pane', ...pane);
    if (alone !== this.#focus) await this.#tell('resize-pane', '-Z', ...pane);
    const terminal = await WatchedTerminal.start([...this.#words, 'attach'], {}, picture);
    await terminal.shows(SESSION);
    await terminal.quiet(DRAWN_MS);
    return terminal;
  }

  async stop(): Promise<void> {
    await this.#tell('kill-server').catch(() => undefined);
    while (this.#pid > 0 && existsSync(`/proc/${this.#pid}`)) await sleep(LOOK_MS);
    this.#forget();
  }

  async #open({ programs }: PaneHostOptions): Promise<void> {
    const { columns, rows } = TERMINAL_SIZE;
    const size = ['-x', String(columns), '-y', String(rows)];
    for (const { name, command } of programs) {
      const isFirst = this.#panes.size === 0;
      const how = isFirst ? ['new-session', '-d', '-s', SESSION, ...size] : ['split-window'];
      const pane = await this.#tell(...how, '-P', '-F', '#{pane_id}', command.join(' '));
      this.#panes.set(name, pane);
      // Room for the next one.
      await this.#tell('select-layout', 'tiled');
    }
    this.#pid = Number(await this.#tell('display-message', '-p', '#{pid}'));
  }

  /** What a command of tmux says. */
  async #tell(...words: readonly string[]): Promise<string> {
    const [program = '', ...common] = this.#words;
    const env = { ...process.env, TMUX: '', LC_ALL: 'C.UTF-8' };
    const { stdout } = await execute(program, [...common, ...words], { env, timeout: TIMEOUT_MS });
    return stdout.trim();
  }
}
