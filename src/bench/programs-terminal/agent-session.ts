/** A session of agents as a user has it, by `sluice agents`, in a runtime and a state directory of its own. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { resolveRuntimeDirectory } from '../../bus/index.js';
import {
  type AgentInfo,
  ControlClient,
  DEFAULT_SESSION,
  listSegments,
} from '../../terminal/session/index.js';
import { endWithRun } from '../child-program.js';
import type { AttachOptions, PaneHost, PaneHostOptions } from './pane-host.js';
import { processEnds } from './process-ends.js';
import { WatchedTerminal } from './watched-terminal.js';

const COMMAND = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const KILL_AFTER_MS = 500;

const execute = promisify(execFile);

export class AgentSession implements PaneHost {
  readonly #options: PaneHostOptions;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #forget = endWithRun(this);
  #pid = 0;

  private constructor(options: PaneHostOptions) {
    this.#options = options;
    const { folder } = options;
    this.#environment = { SLUICE_DIR: join(folder, 'run'), XDG_STATE_HOME: join(folder, 'state') };
  }

  static async start(options: PaneHostOptions): Promise<AgentSession> {
    const session = new AgentSession(options);
    try {
      for (const folder of Object.values(session.#environment)) mkdirSync(folder, { mode: 0o700 });
      const { programs } = options;
      const names = programs.flatMap(({ name }) => ['--name', name]);
      const words = programs.flatMap(({ command }) => ['---', ...command]).slice(1);
      await execute(process.execPath, [COMMAND, 'agents', 'new', ...names, '--', ...words], {
        env: { ...process.env, ...session.#environment },
        timeout: START_TIMEOUT_MS,
      });
      const { host } = (await session.#ask('ls')) as { readonly host?: { readonly pid: number } };
      session.#pid = host!.pid;
      return session;
    } catch (error) {
      await session.stop();
      throw error;
    }
  }

  get pid(): number {
    return this.#pid;
  }

  async attach({ alone, picture }: AttachOptions = {}): Promise<WatchedTerminal> {
    const words = alone === undefined ? [this.#options.focus] : [alone, '--layout', 'zoom'];
    const command = [process.execPath, COMMAND, 'agents', 'attach', ...words];
    const terminal = await WatchedTerminal.start(command, this.#environment, picture);
    return terminal.isDrawn(words[0]!);
  }

  /** What they are, by their names. */
  async agents(): Promise<ReadonlyMap<string, AgentInfo>> {
    const { agents } = (await this.#ask('ls')) as { readonly agents?: readonly AgentInfo[] };
    return new Map(agents!.map((info) => [info.name, info]));
  }

  /** Ends all agents, so that their logs are whole. */
  async stopAgents(): Promise<void> {
    await this.#ask('stop', { all: true, killAfterMs: KILL_AFTER_MS });
  }

  /** The log of an agent as it is on the disk. */
  logOf(name: string): Buffer {
    const state = this.#environment['XDG_STATE_HOME'] ?? '';
    const directory = join(state, 'sluice', 'agents', DEFAULT_SESSION, name);
    return Buffer.concat(listSegments(directory).map(({ path }) => readFileSync(path)));
  }

  async stop(): Promise<void> {
    // There may be no host yet, or none any more.
    await this.stopAgents().catch(() => undefined);
    if (this.#pid > 0) await processEnds(this.#pid);
    this.#forget();
  }

  async #ask(op: string, fields: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const directory = resolveRuntimeDirectory(this.#environment['SLUICE_DIR']);
    const client = ControlClient.connect(directory, DEFAULT_SESSION);
    try {
      return await client.request(op, { ...fields });
    } finally {
      client.close();
    }
  }
}
