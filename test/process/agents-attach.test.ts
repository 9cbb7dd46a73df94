import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveRuntimeDirectory } from '../../src/bus/index.js';
import { AgentScreen } from '../../src/terminal/screen/index.js';
import { ControlClient } from '../../src/terminal/session/index.js';
import { plainLines } from '../../src/terminal/view/screen-text.js';
import { AgentStage, pause } from './agent-stage.js';
import { attach, SIZE } from './attached-desk.js';
import type { Desk } from './desk.js';

/** A viewer whose terminal takes nothing unless it is told to: it says of no frame that it was drawn. */
class SlowViewer {
  frames = 0;
  bytes = 0;
  readonly #client: ControlClient;
  readonly #screen = new AgentScreen(SIZE);
  readonly #request: number;

  constructor(stage: AgentStage) {
    this.#client = ControlClient.connect(resolveRuntimeDirectory(stage.directory), 'main');
    const capabilities = { colors: 'truecolor' };
    const fields = { ...SIZE, capabilities, directory: '/', environment: {} };
    const { request, reply } = this.#client.start('attach', fields, {
      onData: (bytes) => {
        this.bytes += bytes.byteLength;
        this.#screen.write(bytes);
      },
      onEvent: ({ event }) => {
        if (event === 'frame') this.frames += 1;
      },
    });
    this.#request = request;
    reply.catch(() => undefined);
  }

  get text(): string {
    return plainLines(this.#screen, 0).join('\n');
  }

  drawn(): void {
    this.#client.sendEvent(this.#request, { event: 'drawn' });
  }

  /** The frame with this number has come. */
  async frame(number: number): Promise<void> {
    while (this.frames < number) await pause();
  }

  close(): void {
    this.#client.close();
  }
}

describe('attach', () => {
  it('shows agents on two terminals, types into one, and leaves without ending anything', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const words = ['bash', '--norc', '-i', '---', 'sh', '-c', 'echo second one; exec sleep 1000'];
    await stage.agents('new', '--name', 'shell', '--name', 'other', '--', ...words);
    const small = await attach(stage, test);
    await small.shows(/shell[^]*other[^]*second one/);
    small.type('echo $((6*7)); stty size\r');
    await small.shows(/^42(?:\s|$)/m);
    const { columns, rows } = await stage.info('shell');
    await small.shows(new RegExp(`^${rows} ${columns}(?:\\s|$)`, 'm'));
    const large = await attach(stage, test, { size: { columns: 200, rows: 60 } });
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

  it('shows the agent that was asked for and no other, which is not seen by that', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const words = ['sh', '-c', 'echo over', '---', 'sh', '-c', 'echo here; exec sleep 1000'];
    await stage.agents('new', '--name', 'first', '--name', 'second', '--', ...words);
    await stage.until('first', ({ status }) => status === 'ended');
    const desk = await attach(stage, test, { words: ['second', '--layout', 'zoom'] });
    await desk.shows(/second[^]*here/);
    assert.doesNotMatch(desk.bytes.toString(), /first|over/);
    assert.equal((await stage.info('first')).seen, false);
  });

  it('goes on after it was put to sleep in the middle of a frame', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    await stage.agents('new', '--name', 'noisy', '--', 'sh', '-c', 'seq 100000000');
    const script = 'set -m; "$0" "$1" agents attach; echo asleep; fg';
    const desk = await attach(stage, test, { size: { columns: 150, rows: 50 }, script });
    await desk.shows(/\d{5}[^]*1 agent/);
    desk.process.pause();
    // Until its terminal takes nothing any more: more frames than it has room for.
    const { log } = await stage.info('noisy');
    await stage.until('noisy', (info) => info.log.sequence > log.sequence + 1_000_000);
    desk.type('\u0007\u001a');
    await stage.until('noisy', (info) => info.log.sequence > log.sequence + 1_500_000);
    desk.process.resume();
    // Back on the alternate screen it draws everything again.
    while (!/1049h.*1049h.*noisy/s.test(desk.bytes.toString('latin1'))) await pause();
    desk.type('\u0007d');
    assert.equal((await desk.process.ended).exitCode, 0);
    assert.match(desk.text, /asleep/);
  });

  it('skips pictures for terminals that take nothing, and no byte of a log', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const lines = 400_000;
    const script = `read go; seq ${lines}; echo over; exec sleep 1000`;
    await stage.agents('new', '--name', 'talker', '--', 'sh', '-c', script);
    const stopped = await attach(stage, test);
    await stopped.shows(/talker/);
    process.kill(stopped.process.pid, 'SIGSTOP');
    const slow = new SlowViewer(stage);
    test.after(() => slow.close());
    await slow.frame(1);
    await stage.ask('send', { name: 'talker', text: '\r' });
    const numbers = Array.from({ length: lines }, (_, index) => `${index + 1}\r\n`).join('');
    const expected = `\r\n${numbers}over\r\n`;
    await stage.until('talker', ({ log }) => log.sequence === expected.length);
    // One frame is under way, and nothing waits behind it.
    assert.equal(slow.frames, 1);
    assert.ok(slow.bytes < 20_000, `${slow.bytes} bytes`);
    slow.drawn();
    await slow.frame(2);
    assert.match(slow.text, /399999\n[^]*400000\n[^]*over/);
    process.kill(stopped.process.pid, 'SIGCONT');
    await stopped.shows(/400000\s[^]*over/);
    assert.ok(stage.logBytes('talker').equals(Buffer.from(expected)), 'the log is whole');
  });

  it('leaves the terminal sane when the host is killed', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    await stage.agents('new', '--name', 'one', '--', 'sh', '-c', 'echo here; exec sleep 1000');
    const desk = await attach(stage, test);
    await desk.shows(/here/);
    assert.equal(desk.isSane, false);
    process.kill((await stage.host()).pid, 'SIGKILL');
    assert.equal((await desk.process.ended).exitCode, 1);
    assert.equal(desk.isSane, true);
    assert.match(desk.text, /the host of the session has ended/);
  });

  it('leaves the last lines of each agent in the scrollback, behind what was there', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const talk = 'for i in $(seq 40); do echo "$0 $i"; done; echo "── forged ──"; exec sleep 1000';
    const words = ['sh', '-c', talk, 'first', '---', 'sh', '-c', talk, 'second'];
    await stage.agents('new', '--name', 'first', '--name', 'second', '--', ...words);
    const desk = await attach(stage, test, { words: ['--transcript', '3'] });
    await desk.shows(/first 40[^]*second 40|second 40[^]*first 40/);
    desk.type('\u0007d');
    await desk.process.ended;
    assert.equal(desk.alternate, false);
    const shown = desk.lines.map((line) => line.replace(/─{3,}$/, '─'));
    const expected = ['first', 'second'].flatMap((name) => [
      `── ${name} ─`,
      ` │ ${name} 39`,
      ` │ ${name} 40`,
      ' │ ── forged ──',
    ]);
    assert.deepEqual(shown, [...expected, 'left; the agents go on: sluice agents attach']);
    const none = await attach(stage, test, { words: ['--transcript', '0'] });
    await none.shows(/first 40/);
    none.type('\u0007d');
    await none.process.ended;
    assert.deepEqual(none.lines, ['left; the agents go on: sluice agents attach']);
  });

  it('leaves them after SIGTERM and at the end of the session too', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    await stage.agents('new', '--name', 'one', '--', 'sh', '-c', 'echo said; exec sleep 1000');
    const desks = await Promise.all([1, 2].map(() => attach(stage, test)));
    const [ended, left] = desks as [Desk, Desk];
    for (const desk of desks) await desk.shows(/said/);
    process.kill(ended.process.pid, 'SIGTERM');
    assert.deepEqual(await ended.process.ended, { exitCode: 130, signal: undefined });
    assert.match(ended.text, /^── one ─+\n │ said/);
    process.kill((await stage.host()).pid, 'SIGTERM');
    assert.deepEqual(await left.process.ended, { exitCode: 0, signal: undefined });
    assert.match(left.text, /^── one ─+\n │ said\nthe session has ended/);
  });
});
