/** The same programs in tmux: a server of its own, with nothing of the user's. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endWithRun } from '../child-program.js';
import type { AttachOptions, PaneHost, PaneHostOptions } from './pane-host.js';
import { processEnds } from './process-ends.js';
import { TERMINAL_SIZE, WatchedTerminal } from './watched-terminal.js';

const TIMEOUT_MS = 60_000;
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

  private constructor(words: readonly string[], focus: string) {
    this.#words = words;
    this.#focus = focus;
  }

  static async start(options: PaneHostOptions): Promise<TmuxServer> {
    const server = new TmuxServer(tmuxWords(options.folder), options.focus);
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
    return terminal.isDrawn(SESSION);
  }

  async stop(): Promise<void> {
    await this.#tell('kill-server').catch(() => undefined);
    if (this.#pid > 0) await processEnds(this.#pid);
    this.#forget();
  }

  async #open({ programs }: PaneHostOptions): Promise<void> {
    const { columns, rows } = TERMINAL_SIZE;
    const size = ['-x', String(columns), '-y', String(rows)];
    for (const { name, command } of programs) {
      const isFirst = this.#panes.size === 0;
      const how = isFirst ? ['new-session', '-d', '-s', SESSION, ...size] : ['split-window'];
      const pane = await this.#tell(...how, '-P', '-F', '#{pane_id}', ...command);
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
