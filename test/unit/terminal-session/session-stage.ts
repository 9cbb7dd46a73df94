/** A session with its host in this process, in directories of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { resolveRuntimeDirectory, type RuntimeDirectory } from '../../../src/bus/index.js';
import {
  AGENT_DEFAULTS,
  type AgentInfo,
  type AgentOptions,
} from '../../../src/terminal/session/index.js';
import { SessionHost } from '../../../src/terminal/session/session-host.js';
import { plainLines } from '../../../src/terminal/view/index.js';
import { ViewerLink } from '../../../src/terminal/session/viewer-link.js';

type Fields = Readonly<Record<string, unknown>>;

export class SessionStage {
  readonly notices: string[] = [];
  readonly root: string;
  readonly directory: RuntimeDirectory;
  readonly host: SessionHost;

  constructor(test: TestContext) {
    this.root = mkdtempSync(join(tmpdir(), 'sluice-test-session-'));
    this.directory = resolveRuntimeDirectory(join(this.root, 'run'));
    this.directory.ensure();
    this.host = new SessionHost({
      session: 'main',
      directory: this.directory,
      stateDirectory: this.state,
      onNotice: (text) => this.notices.push(text),
    });
    test.after(async () => {
      await this.host.close(0);
      rmSync(this.root, { recursive: true, force: true });
    });
  }

  get state(): string {
    return join(this.root, 'state');
  }

  start(name: string, script: string, more: Partial<AgentOptions> = {}): Promise<AgentInfo> {
    const environment = { PATH: process.env['PATH'] ?? '' };
    const command = ['sh', '-c', script];
    return this.host.start({
      ...AGENT_DEFAULTS,
      name,
      command,
      directory: '/',
      environment,
      ...more,
    });
  }

  /** A viewer whose terminal takes every frame at once. */
  attach(columns: number, rows: number): StagedViewer {
    return new StagedViewer(this.host, { columns, rows });
  }

  info(name: string): AgentInfo {
    return this.host.pane(name).info();
  }

  /** Until the screen of an agent shows it. */
  shows(name: string, pattern: RegExp): Promise<void> {
    const { screen } = this.host.pane(name);
    return this.until(() => pattern.test(plainLines(screen, 0).join('\n')));
  }

  /** Until it is so. */
  async until(is: () => boolean): Promise<void> {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export class StagedViewer {
  readonly link: ViewerLink;
  readonly events: Fields[] = [];
  readonly #closed = new AbortController();

  constructor(host: SessionHost, size: Fields) {
    const capabilities = { colors: 'none' };
    const fields = { ...size, capabilities, directory: '/', environment: {} };
    const answer = {
      signal: this.#closed.signal,
      data: () => Promise.resolve(),
      event: (event: Fields) => {
        this.events.push(event);
        if (event['event'] === 'frame') setImmediate(() => this.link.event({ event: 'drawn' }));
      },
      viewer: () => undefined,
    };
    this.link = new ViewerLink(host, fields, answer, () => Promise.reject(new Error('none')));
  }

  type(text: string): void {
    this.link.input(Buffer.from(text));
  }

  close(): void {
    this.#closed.abort();
    this.link.close();
  }
}
