/** `sluice agents attach` where the output is no terminal: whole lines of all agents, each with its own. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openPublisher, text } from '../../src/index.js';
import { TEXT_TYPE } from '../../src/terminal.js';
import { AgentStage } from './agent-stage.js';

const TALK =
  'for i in 1 2 3; do printf "\\033[3%sm$0 %s\\033[0m of\\n" $i $i; done; printf "no end"';
const PROGRESS = 'for i in 1 2 3; do printf "step %s\\r" $i; done; printf "all there\\n"';

describe('agents in lines', () => {
  const stage = new AgentStage();
  after(() => stage.close());

  it('loses none, keeps the order of each, and ends when all have ended', async () => {
    const words = ['sh', '-c', TALK, 'one', '---', 'sh', '-c', TALK, 'two', '---'];
    const names = ['--name', 'one', '--name', 'two', '--name', 'bar'];
    await stage.agents('new', ...names, '--', ...words, 'sh', '-c', PROGRESS);
    const lines = (await stage.agents('attach')).split('\n').slice(0, -1);
    assert.doesNotMatch(lines.join(''), /\u001b/);
    for (const name of ['one', 'two']) {
      const own = lines.filter((line) => line.startsWith(name));
      const said = [1, 2, 3].map((index) => `${name} ${index} of`);
      assert.deepEqual(
        own.map((line) => line.replace(/^\w+ +│ /, '')),
        [...said, 'no end'],
      );
    }
    assert.deepEqual(
      lines.filter((line) => line.startsWith('bar')),
      ['bar  │ all there'],
    );
    assert.equal(lines.length, 9);
  });

  it('shows one of them alone, in its colours when they are asked for', async () => {
    const env = { FORCE_COLOR: '1', TERM: 'xterm-256color', NO_COLOR: '' };
    const { code, out } = await stage.stage.run(['agents', 'attach', 'one'], '', env);
    assert.equal(code, 0);
    assert.match(out, /│ \u001b\[31mone 1\u001b\[m of\n/);
    assert.doesNotMatch(out, /two|bar/);
    const absent = await stage.run('attach', 'nobody');
    assert.equal(absent.code, 3);
    assert.match(absent.err, /no agent nobody/);
  });

  it('has the lines of agents of other processes, whatever they try', async () => {
    const { directory } = stage;
    const publisher = await openPublisher('agent/foreign', { format: text(), directory });
    publisher.trySend('fine\u001b]0;title\u0007 words', { type: TEXT_TYPE.error });
    const attached = stage.stage.start(['agents', 'attach', '--lines']);
    await attached.shows(/^foreign +│ fine words$/m);
    await publisher.close();
    const { code, out } = await attached.ended;
    assert.equal(code, 0);
    assert.doesNotMatch(out, /\u001b|title/);
  });
});
