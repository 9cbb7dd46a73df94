import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PtyProcess } from '../../src/terminal/pty/index.js';
import { AgentScreen } from '../../src/terminal/screen/index.js';
import { plainLines } from '../../src/terminal/view/screen-text.js';
import { AgentStage, isAlive, pause } from './agent-stage.js';
import { CLI } from './cli-program.js';

/** A user in front of a terminal. */
class Desk {
  readonly process: PtyProcess;
  readonly #screen: AgentScreen;
  /** All that the viewer wrote. */
  written = '';

  private constructor(process: PtyProcess, screen: AgentScreen) {
    this.process = process;
    this.#screen = screen;
  }

  #take(bytes: Uint8Array): void {
    this.#screen.write(bytes);
    this.written += Buffer.from(bytes).toString('latin1');
  }

  static async attach(
    stage: AgentStage,
    test: TestContext,
    size: { readonly columns: number; readonly rows: number },
    words: readonly string[] = [process.execPath, CLI, 'agents', 'attach'],
  ): Promise<Desk> {
    let answer = (_text: string): void => undefined;
    const screen = new AgentScreen({
      ...size,
      onAnswer: (text) => answer(text),
    });
    const { PATH = '' } = process.env;
    const environment = { PATH, TERM: 'xterm-256color', SLUICE_DIR: stage.directory };
    const started = await PtyProcess.start(
      {
        command: words,
        directory: '/',
        environment: { ...environment, XDG_STATE_HOME: stage.state },
        size,
      },
      { onOutput: (bytes) => desk.#take(bytes) },
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

  type(text: string): void {
    this.process.write(Buffer.from(text));
  }

  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await pause();
  }
}

describe('attach', () => {
  it('shows agents on two terminals, types into one, and leaves without ending anything', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const words = ['bash', '--norc', '-i', '---', 'sh', '-c', 'echo second one; exec sleep 1000'];
    await stage.agents('new', '--name', 'shell', '--name', 'other', '--', ...words);
    const small = await Desk.attach(stage, test, { columns: 80, rows: 24 });
    await small.shows(/shell[^]*other[^]*second one/);
    small.type('echo $((6*7)); stty size\r');
    await small.shows(/^42(?:\s|$)/m);
    const { columns, rows } = await stage.info('shell');
    await small.shows(new RegExp(`^${rows} ${columns}(?:\\s|$)`, 'm'));
    const large = await Desk.attach(stage, test, { columns: 200, rows: 60 });
    await large.shows(/42[^]*second one|second one[^]*42/);
    await stage.until('shell', (info) => info.rows > rows || info.columns > columns);
    small.type('\u0007d');
    assert.deepEqual(await small.process.ended, { exitCode: 0, signal: undefined });
    assert.equal(small.alternate, false);
    assert.match(small.text, /the agents go on/);
    process.kill(large.process.pid, 'SIGKILL');
    await large.process.ended;
    const infos = await stage.infos();
    assert.deepEqual(
      infos.map(({ status }) => status),
      ['running', 'running'],
    );
  });

  it('goes on after it was put to sleep in the middle of a frame', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    await stage.agents('new', '--name', 'noisy', '--', 'sh', '-c', 'seq 100000000');
    const script = 'set -m; "$0" "$1" agents attach; echo asleep; fg';
    const words = ['bash', '-c', script, process.execPath, CLI];
    const desk = await Desk.attach(stage, test, { columns: 150, rows: 50 }, words);
    await desk.shows(/\d{5}[^]*1 agent/);
    desk.process.pause();
    // Until its terminal takes nothing any more: more frames than it has room for.
    const { log } = await stage.info('noisy');
    await stage.until('noisy', (info) => info.log.sequence > log.sequence + 1_000_000);
    desk.type('\u0007\u001a');
    await stage.until('noisy', (info) => info.log.sequence > log.sequence + 1_500_000);
    desk.process.resume();
    // Back on the alternate screen it draws everything again.
    while (!/1049h.*1049h.*noisy/s.test(desk.written)) await pause();
    desk.type('\u0007d');
    assert.equal((await desk.process.ended).exitCode, 0);
    assert.match(desk.text, /asleep/);
  });
});
