/** `sluice agents` with a runtime directory and a state directory of its own, and its end whatever happens. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveRuntimeDirectory } from '../../src/bus/index.js';
import { type AgentInfo, ControlClient, listSegments } from '../../src/terminal/session/index.js';
import { type Ended, Stage } from './cli-program.js';

const COMMANDS = fileURLToPath(new URL('commands-program.js', import.meta.url));

interface State {
  readonly session: string;
  readonly host: { readonly pid: number };
  readonly agents: readonly AgentInfo[];
}

export class AgentStage {
  readonly state = mkdtempSync(join(tmpdir(), 'sluice-test-agents-'));
  readonly stage: Stage;

  constructor(environment: NodeJS.ProcessEnv = {}) {
    const { SLUICE_AGENTS: _agents, SLUICE_CHANNEL: _channel, ...outside } = process.env;
    this.stage = new Stage({ ...outside, XDG_STATE_HOME: this.state, ...environment });
  }

  get directory(): string {
    return this.stage.directory;
  }

  run(...words: readonly string[]): Promise<Ended> {
    return this.stage.run(['agents', ...words]);
  }

  /** Runs a command that must succeed; what it printed. */
  async agents(...words: readonly string[]): Promise<string> {
    const { code, out, err } = await this.run(...words);
    assert.equal(code, 0, `agents ${words.join(' ')}: ${err}`);
    return out;
  }

  /** Several commands in one process. */
  async runAll(
    ...commands: readonly (readonly string[])[]
  ): Promise<readonly Pick<Ended, 'code' | 'out' | 'err'>[]> {
    const list = JSON.stringify(commands.map((words) => ['agents', ...words]));
    const running = this.stage.start([list], { program: [process.execPath, COMMANDS] });
    running.child.stdin?.end();
    const { code, out, err } = await running.ended;
    assert.equal(code, 0, err);
    return JSON.parse(out) as readonly Pick<Ended, 'code' | 'out' | 'err'>[];
  }

  async infos(session = 'main'): Promise<readonly AgentInfo[]> {
    return (await this.#state(session)).agents;
  }

  async info(name: string): Promise<AgentInfo> {
    const found = (await this.infos()).find((info) => info.name === name);
    assert.ok(found, `there is no agent ${name}`);
    return found;
  }

  async host(): Promise<{ readonly pid: number }> {
    return (await this.#state('main')).host;
  }

  /** Until an agent is as it should be. */
  async until(name: string, is: (info: AgentInfo) => boolean): Promise<AgentInfo> {
    for (;;) {
      const info = await this.info(name);
      if (is(info)) return info;
      await pause();
    }
  }

  /** Until the screen of an agent shows it. */
  async shows(name: string, pattern: RegExp): Promise<string> {
    for (;;) {
      const infos = await this.infos();
      const isThere = infos.some((info) => info.name === name);
      const { lines } = isThere ? await this.ask('screen', { name }) : { lines: [] };
      const screen = (lines as readonly string[]).join('\n');
      if (pattern.test(screen)) return screen;
      await pause();
    }
  }

  /** A request to the host without a process of its own. */
  async ask(
    op: string,
    fields: Readonly<Record<string, unknown>> = {},
    session = 'main',
  ): Promise<Readonly<Record<string, unknown>>> {
    const client = ControlClient.connect(resolveRuntimeDirectory(this.directory), session);
    try {
      return await client.request(op, fields);
    } finally {
      client.close();
    }
  }

  async #state(session: string): Promise<State> {
    return (await this.ask('ls', {}, session)) as unknown as State;
  }

  /** What of the log is on disk. */
  logBytes(name: string, session = 'main'): Buffer {
    const directory = join(this.state, 'sluice', 'agents', session, name);
    return Buffer.concat(listSegments(directory).map(({ path }) => readFileSync(path)));
  }

  hostLog(session = 'main'): string {
    return readFileSync(join(this.state, 'sluice', 'agents', session, '_host.log'), 'utf8');
  }

  async close(): Promise<void> {
    try {
      const { pid } = await this.host();
      await this.ask('stop', { all: true, killAfterMs: 500 }).catch(() => undefined);
      // It stays for viewers, which a test that failed may have left behind.
      if (isAlive(pid)) process.kill(pid, 'SIGTERM');
      while (isAlive(pid)) await pause();
    } catch {
      // There is no host (any more).
    }
    await this.stage.close();
    rmSync(this.state, { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** Until none of them is there. */
export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await pause();
}

/** A command that shows the bytes it gets, after it has asked for a form of them, in the words of printf. */
export function byteShower(asked: string): readonly string[] {
  return ['sh', '-c', `stty raw -echo; printf '${asked}ready\\r\\n'; exec cat -v`];
}

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
