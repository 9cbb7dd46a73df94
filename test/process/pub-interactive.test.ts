/** `sluice pub --interactive`: what is typed is published, and what others say stands whole above it. */
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import {
  bytes,
  type Message,
  type MessageSubscriber,
  openPublisher,
  openSubscriber,
  text,
} from '../../src/index.js';
import { TEXT_TYPE } from '../../src/terminal.js';
import { isAlive, pause } from './agent-stage.js';
import { Stage } from './cli-program.js';
import { Desk } from './desk.js';

const SIZE = { columns: 60, rows: 14 };
const PASTE = '\u001b[200~two\nlines\u001b[201~';

describe('pub --interactive on a terminal', () => {
  const stage = new Stage();
  after(() => stage.close());

  function prompt(test: TestContext, channel: string, ...words: readonly string[]): Promise<Desk> {
    return Desk.open(test, {
      words: ['pub', '--interactive', channel, ...words],
      size: SIZE,
      environment: { SLUICE_DIR: stage.directory },
    });
  }

  function subscribe(
    test: TestContext,
    channel: string,
  ): Promise<MessageSubscriber<ReturnType<typeof text>>> {
    const { directory } = stage;
    const opened = openSubscriber(channel, { format: text(), directory, start: 'oldest' });
    test.after(async () => (await opened).close());
    return opened;
  }

  async function next(
    subscriber: AsyncIterator<Message<ReturnType<typeof text>>>,
  ): Promise<readonly [string, number]> {
    const { value } = (await subscriber.next()) as { value: Message<ReturnType<typeof text>> };
    return [value.value, value.type];
  }

  it('publishes what is typed and edited, of the type that was chosen, and shows it', async (test) => {
    const desk = await prompt(test, 'agent/me');
    await desk.shows(/^me user ›/m);
    const messages = (await subscribe(test, 'agent/me'))[Symbol.asyncIterator]();
    desk.type('ello 中文x\u007f\u0001h\u0005!\r');
    assert.deepEqual(await next(messages), ['hello 中文!', TEXT_TYPE.user]);
    await desk.shows(/^› me │ hello 中文!$/m);
    desk.type(`${PASTE} and more\r`);
    assert.deepEqual(await next(messages), ['two\nlines and more', TEXT_TYPE.user]);
    await desk.shows(/^› me │ two\n› me │ lines and more$/m);
    desk.type('/type error\r');
    await desk.shows(/^me error ›/m);
    desk.type('//bin is a path\r');
    assert.deepEqual(await next(messages), ['/bin is a path', TEXT_TYPE.error]);
    desk.type('/nonsense\r');
    await desk.shows(/no command \/nonsense/);
    // C-u takes the line away; the newest of the history follows it.
    desk.type('\u0015\u001b[A\u001b[A\u001b[A\r');
    assert.deepEqual(await next(messages), ['two\nlines and more', TEXT_TYPE.error]);
    desk.type('\u0004');
    assert.deepEqual(await desk.process.ended, { exitCode: 0, signal: undefined });
    assert.match(desk.text, /sent 4 messages/);
    assert.doesNotMatch(desk.text, /^me +│/m, 'what was sent is not heard once more');
    assert.doesNotMatch(desk.text, /me (?:user|error) ›/);
    assert.equal(desk.bracketedPaste, false);
  });

  it('sends what is typed faster than it is sent, in order, before it leaves', async (test) => {
    const desk = await prompt(test, 'agent/fast');
    await desk.shows(/^fast user ›/m);
    const messages = (await subscribe(test, 'agent/fast'))[Symbol.asyncIterator]();
    const lines = Array.from({ length: 40 }, (_, line) => `line ${line}`);
    desk.type(`${lines.join('\r')}\r\u0004`);
    for (const line of lines) assert.deepEqual(await next(messages), [line, TEXT_TYPE.user]);
    assert.deepEqual(await desk.process.ended, { exitCode: 0, signal: undefined });
    assert.match(desk.text, /sent 40 messages/);
  });

  it('keeps lines whole and the prompt below them while others write and the window changes', async (test) => {
    const { directory } = stage;
    const desk = await prompt(test, 'agent/user', '--quiet');
    await desk.shows(/^user user ›/m);
    const loud = await openPublisher('agent/loud', { format: text(), directory });
    const sly = await openPublisher('agent/sly', { format: text(), directory });
    test.after(async () => {
      await loud.close();
      await sly.close();
    });
    const typed = 'typed between the lines of others';
    for (let line = 0; line < 400; line += 1) {
      await loud.send(`line ${line} ends here`, { type: TEXT_TYPE.info });
      if (line % 50 === 0)
        await sly.send('\u001b[2A\u001b[1G\u001b[Juser user › mine\u001b]0;t\u0007');
      if (line % 10 === 0) desk.type(typed[line / 10] ?? '');
      if (line === 200) desk.resize(50, 12);
      if (line % 20 === 0) await pause();
    }
    await desk.shows(new RegExp(`loud {3}│ line 399 ends here\\n(?:.*\\n)*user user › ${typed}`));
    const others = desk.lines.filter((line) => line.startsWith('loud'));
    assert.deepEqual(
      others,
      Array.from({ length: 400 }, (_, line) => `loud   │ line ${line} ends here`),
    );
    const foreign = desk.lines.filter((line) => !/^(?:loud {2}|sly {3}|› user) │ /.test(line));
    assert.deepEqual(foreign, [`user user › ${typed}`]);
    assert.equal(desk.cursor.column, `user user › ${typed}`.length);
    desk.type('\u0003');
    assert.deepEqual(await desk.process.ended, { exitCode: 130, signal: undefined });
    assert.equal(desk.bracketedPaste, false);
  });

  it('ends when it is told to although its terminal takes nothing', async (test) => {
    const { directory } = stage;
    const desk = await prompt(test, 'agent/stuck', '--quiet');
    await desk.shows(/^stuck user ›/m);
    const loud = await openPublisher('agent/flood', { format: text(), directory });
    test.after(() => loud.close());
    desk.process.pause();
    const line = 'x'.repeat(50);
    // Until the prompt reads no more, since nobody takes what it writes.
    for (let room = true; room;) {
      room = loud.trySend(line);
      if (room) await new Promise((resolve) => setImmediate(resolve));
    }
    desk.type('\u0003');
    process.kill(desk.process.pid, 'SIGTERM');
    while (isAlive(desk.process.pid)) await pause();
    desk.process.resume();
    assert.equal((await desk.process.ended).exitCode, 130);
  });

  it('sleeps and wakes with its prompt, and ends after as many messages as were asked for', async (test) => {
    const desk = await prompt(
      test,
      'chat',
      '--watch',
      'chat/**',
      '--frames',
      '1',
      '--type',
      'trace',
    );
    await desk.shows(/^chat trace ›/m);
    desk.type('kept\u001a');
    while (!/^State:\tT/m.test(await stateOf(desk.process.pid))) await pause();
    process.kill(desk.process.pid, 'SIGCONT');
    desk.type('!\r');
    assert.deepEqual(await desk.process.ended, { exitCode: 0, signal: undefined });
    assert.match(desk.text, /^› chat │ kept!$/m);
  });
});

async function stateOf(pid: number): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(`/proc/${pid}/status`, 'latin1');
}

describe('pub --interactive without a terminal', () => {
  const stage = new Stage();
  after(() => stage.close());

  it('sends each line, and prints lines of others and its own with their tags', async (test) => {
    const { directory } = stage;
    const talk = stage.start(['pub', '-i', 'agent/pipe', '--type', 'assistant']);
    const reader = stage.start(['sub', 'agent/pipe', '--from', 'oldest', '--json']);
    talk.write('first\n');
    await talk.shows(/^› pipe │ first$/m);
    const other = await openPublisher('agent/other', { format: text(), directory });
    test.after(() => other.close());
    await other.send('heard \u001b[31mred\u001b]0;t\u0007\nand a second line');
    await talk.shows(/^other {2}│ heard red\nother {2}│ and a second line$/m);
    const killed = await openPublisher('agent/killed', { format: bytes('text/plain'), directory });
    await killed.send(Buffer.from('whole\ncut off in the mid'));
    await talk.shows(/^killed │ whole$/m);
    await killed.close();
    const again = await openPublisher('agent/killed', { format: text(), directory });
    test.after(() => again.close());
    await again.send('of another life');
    await talk.shows(/^killed │ cut off in the mid\nkilled │ of another life$/m);
    await reader.shows(/"type":2,.*"value":"first"/);
    talk.write('/type error is a message here');
    talk.child.stdin?.end();
    const { code, out, err } = await talk.ended;
    assert.equal(code, 0, err);
    assert.match(out, /› pipe │ \/type error is a message here\n$/);
    assert.doesNotMatch(out, /\u001b/);
    assert.match(err, /sent 2 messages/);
  });

  it('prints objects with --json, its own among them', async () => {
    const { code, out } = await stage.run(['pub', '-i', 'agent/json', '--json'], 'one\ntwo\n');
    assert.equal(code, 0);
    const objects = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(objects.slice(1, 3), [
      { channel: 'agent/json', type: 1, value: 'one', own: true },
      { channel: 'agent/json', type: 1, value: 'two', own: true },
    ]);
    assert.equal(objects[3]?.['sent'], 2);
  });

  it('refuses what it cannot mean', async () => {
    for (const words of [
      ['-i', 'a', '--json-lines'],
      ['-i', 'a', '--video', 'nv12:4x4'],
      ['a', '--watch', 'b'],
      ['a', '--type', 'shout'],
    ]) {
      assert.equal((await stage.run(['pub', ...words])).code, 2, words.join(' '));
    }
  });
});
