/** `sluice agents attach` where the output is no terminal: whole lines of all agents, each with its own. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { openPublisher, text } from '../../src/index.js';
import { TEXT_TYPE } from '../../src/terminal.js';
import { AgentStage, pause } from './agent-stage.js';
import { attach } from './attached-desk.js';

const TALK =
  'for i in 1 2 3; do printf "\\033[3%sm$0 %s\\033[0m of\\n" $i $i; done; printf "no end"';
const PROGRESS = 'for i in 1 2 3; do printf "step %s\\r" $i; done; printf "all there\\n"';
/** The same one step each time it is told to. */
const STEPS = `
stty -echo
echo begins
for i in 1 2 3; do printf '\\rstep %s of three' $i; read -r _; done
printf '\\rall there\\033[K\\nno end'
`;

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

describe('agents in lines on a terminal', () => {
  const stage = new AgentStage();
  after(() => stage.close());

  it('have what is being written in a footer, drawn over, and below the lines of others', async (test) => {
    const echo = 'stty -echo; while read -r line; do echo "$line"; done';
    const words = ['sh', '-c', STEPS, '---', 'sh', '-c', echo];
    await stage.agents('new', '--name', 'bar', '--name', 'other', '--', ...words);
    const desk = await attach(stage, test, { words: ['--lines'] });
    const shows = async (...expected: readonly string[]): Promise<void> => {
      const shown = (): readonly string[] => desk.lines.map((line) => line.replace(/ +│/, ' │'));
      while (!isDeepStrictEqual(shown(), expected)) await pause();
    };
    await shows('bar │ begins', 'bar │ step 1 of three');
    assert.deepEqual([desk.alternate, desk.cursor.row], [false, 1]);
    await stage.ask('send', { name: 'other', text: 'between', enter: true });
    await shows('bar │ begins', 'other │ between', 'bar │ step 1 of three');
    await stage.ask('send', { name: 'bar', enter: true });
    await shows('bar │ begins', 'other │ between', 'bar │ step 2 of three');
    desk.resize(20, 10);
    await shows('bar │ begins', 'other │ between', 'bar │ step 2 of t');
    desk.resize(80, 24);
    for (let step = 0; step < 2; step += 1) await stage.ask('send', { name: 'bar', enter: true });
    await stage.ask('send', { name: 'other', text: '\u0004' });
    assert.equal((await desk.process.ended).exitCode, 0);
    await shows('bar │ begins', 'other │ between', 'bar │ all there', 'bar │ no end');
    assert.equal(desk.isSane, true);
  });
});
