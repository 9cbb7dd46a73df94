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
  return Desk.start(test, {
    words: ['agents', 'attach', ...words],
    directory: stage.directory,
    size,
    environment: { XDG_STATE_HOME: stage.state },
  });
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
});
