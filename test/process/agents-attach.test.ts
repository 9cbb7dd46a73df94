import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { AgentStage } from './agent-stage.js';
import { Desk } from './desk.js';

function attach(
  stage: AgentStage,
  test: TestContext,
  size: { readonly columns: number; readonly rows: number },
  ...words: readonly string[]
): Promise<Desk> {
  const environment = { SLUICE_DIR: stage.directory, XDG_STATE_HOME: stage.state };
  return Desk.open(test, { words: ['agents', 'attach', ...words], size, environment });
}

describe('attach', () => {
  it('shows agents on two terminals, types into one, and leaves without ending anything', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const words = ['bash', '--norc', '-i', '---', 'sh', '-c', 'echo second one; exec sleep 1000'];
    await stage.agents('new', '--name', 'shell', '--name', 'other', '--', ...words);
    const small = await attach(stage, test, { columns: 80, rows: 24 });
    await small.shows(/shell[^]*other[^]*second one/);
    small.type('echo $((6*7)); stty size\r');
    await small.shows(/^42(?:\s|$)/m);
    const { columns, rows } = await stage.info('shell');
    await small.shows(new RegExp(`^${rows} ${columns}(?:\\s|$)`, 'm'));
    const large = await attach(stage, test, { columns: 200, rows: 60 });
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

  it('leaves the last lines of each agent in the scrollback, behind what was there', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const talk = 'for i in $(seq 40); do echo "$0 $i"; done; echo "── forged ──"; exec sleep 1000';
    const words = ['sh', '-c', talk, 'first', '---', 'sh', '-c', talk, 'second'];
    await stage.agents('new', '--name', 'first', '--name', 'second', '--', ...words);
    const size = { columns: 80, rows: 24 };
    const desk = await attach(stage, test, size, '--transcript', '3');
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
    const none = await attach(stage, test, size, '--transcript', '0');
    await none.shows(/first 40/);
    none.type('\u0007d');
    await none.process.ended;
    assert.deepEqual(none.lines, ['left; the agents go on: sluice agents attach']);
  });

  it('leaves them after SIGTERM and at the end of the session too', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    await stage.agents('new', '--name', 'one', '--', 'sh', '-c', 'echo said; exec sleep 1000');
    const size = { columns: 80, rows: 24 };
    const desks = await Promise.all([1, 2].map(() => attach(stage, test, size)));
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
