/** `sluice agents` with a runtime directory and a state directory of its own, and its end whatever happens. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentInfo, listSegments } from '../../src/terminal/session/index.js';
import { type Ended, Stage } from './cli-program.js';

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

  async infos(): Promise<readonly AgentInfo[]> {
    const { out } = await this.run('ls', '--json');
    const { sessions } = JSON.parse(out) as { sessions: readonly State[] };
    return sessions.flatMap(({ agents }) => agents);
  }

  async info(name: string): Promise<AgentInfo> {
    const found = (await this.infos()).find((info) => info.name === name);
    assert.ok(found, `there is no agent ${name}`);
    return found;
  }

  async host(): Promise<{ readonly pid: number }> {
    const { out } = await this.run('ls', '--json');
    const { sessions } = JSON.parse(out) as { sessions: readonly State[] };
    assert.ok(sessions[0], 'there is no session');
    return sessions[0].host;
  }

  /** Until an agent is as it should be. */
  async until(name: string, is: (info: AgentInfo) => boolean): Promise<AgentInfo> {
    for (;;) {
      const info = await this.info(name);
      if (is(info)) return info;
    }
  }

  /** Until the screen of an agent shows it. */
  async shows(name: string, pattern: RegExp): Promise<string> {
    for (;;) {
      const screen = await this.agents('screen', name);
      if (pattern.test(screen)) return screen;
    }
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
    const { out } = await this.run('ls', '--json');
    const { sessions = [] } = JSON.parse(out === '' ? '{}' : out) as {
      sessions?: readonly State[];
    };
    for (const { session, host } of sessions) {
      const { code } = await this.run('stop', '--all', '--kill-after', '1', '--session', session);
      // A host that no longer answers is ended; its watchdog ends its agents.
      if (code !== 0) process.kill(host.pid, 'SIGKILL');
    }
    await this.stage.close();
    rmSync(this.state, { recursive: true, force: true });
  }
}
