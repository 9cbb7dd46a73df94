import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import type { SubscriberStats } from '../../src/index.js';
import { endAll, Program, until } from './program.js';
import { Runtime } from './runtime.js';
import { publishStamped, STAMPED, STAMPED_BYTES, stampedMessage } from './stamp.js';

const options = { timeout: 60_000 };
after(endAll);

/** What a child of this process has before anything was opened: 0 to 2, what `ls` opens, and what we inherited. */
const inherited = execFileSync('ls', ['/proc/self/fd']).toString().trim().split('\n').join(' ');

async function statsOf(program: Program): Promise<SubscriberStats> {
  return JSON.parse(await program.ask('stats')) as SubscriberStats;
}

async function reader(
  runtime: Runtime,
  channel: string,
  kind: 'frames' | 'messages',
  more: object = {},
): Promise<Program> {
  const { directory } = runtime;
  const program = new Program('reader-program', {
    channel,
    kind,
    options: { directory, ...more },
  });
  assert.equal(await program.line(), 'open');
  return program;
}

describe('a stopped subscriber', options, () => {
  it('costs a publisher of frames nothing; it goes on with a gap that is counted', async (t) => {
    const runtime = new Runtime(t);
    const publisher = await runtime.publisher('frames', { format: STAMPED, slots: 12 });
    const subscriber = await reader(runtime, 'frames', 'frames', { delivery: 'every', maxLag: 4 });
    await subscriber.stop();
    for (let value = 1; value <= 500; value++) {
      const loan = publisher.tryLoan();
      assert.ok(loan, `no slot at ${value}`);
      publishStamped(loan, value);
    }
    assert.equal(publisher.stats().dropped, 0);
    assert.equal(publisher.stats().subscribers, 1);
    subscriber.go();
    await until(() => publisher.subscribers[0]?.lastSequence === 500);
    const { received, lost } = await statsOf(subscriber);
    assert.equal(received + lost, 500);
    assert.ok(lost >= 490, `${lost} lost`);
  });

  it('is passed over after patienceMs by a publisher of messages, and gates again', async (t) => {
    const runtime = new Runtime(t);
    const publisher = await runtime.publisher('words', {
      format: STAMPED_BYTES,
      ringBytes: 16_384,
      // Far longer than a busy machine keeps the other reader from its core.
      patienceMs: 2000,
    });
    const stopped = await reader(runtime, 'words', 'messages');
    const other = await reader(runtime, 'words', 'messages');
    await stopped.stop();
    for (let value = 1; value <= 200; value++) await publisher.send(stampedMessage(value));
    assert.equal(publisher.stats().passedOver, 1);
    stopped.go();
    // Whoever was overrun goes on at the head; the gap is counted when the next message shows it.
    let last = 200;
    while ((await statsOf(stopped)).lastSequence <= 200) {
      last += 1;
      await publisher.send(stampedMessage(last));
    }
    await until(() => publisher.subscribers.every(({ lastSequence }) => lastSequence === last));
    const [late, steady] = [await statsOf(stopped), await statsOf(other)];
    assert.equal(late.received + late.lost, last);
    assert.ok(late.lost > 0);
    assert.deepEqual([steady.received, steady.lost], [last, 0]);
    for (let i = 0; i < 200; i++) await publisher.send(stampedMessage(++last));
    await until(() => publisher.subscribers.every(({ lastSequence }) => lastSequence === last));
    assert.equal((await statsOf(stopped)).lost, late.lost, 'nothing more is lost');
  });

  it('keeps what it holds', async (t) => {
    const runtime = new Runtime(t);
    const publisher = await runtime.publisher('frames', { format: STAMPED });
    const subscriber = await reader(runtime, 'frames', 'frames');
    publishStamped(publisher.tryLoan()!, 1);
    await until(() => publisher.subscribers[0]?.received === 1);
    for (let round = 0; round < 20; round++) {
      const before = publisher.subscribers[0]?.received ?? 0;
      await subscriber.stop();
      for (let i = 0; i < 100; i++) publishStamped(publisher.tryLoan()!, round * 100 + i);
      subscriber.go();
      // It reads each frame twice, before and after the stop: a torn one would end it.
      await until(() => subscriber.over || (publisher.subscribers[0]?.received ?? 0) > before);
      assert.equal(subscriber.over, false);
    }
  });
});

describe('a stopped publisher', options, () => {
  it('keeps its channel and its subscribers', async (t) => {
    const runtime = new Runtime(t);
    const { directory } = runtime;
    const publisher = new Program('writer-program', {
      channel: 'words',
      kind: 'messages',
      options: { directory },
    });
    assert.equal(await publisher.line(), 'open');
    const subscriber = await runtime.subscriber('words', { format: STAMPED_BYTES });
    await publisher.ask('3');
    await publisher.stop();
    await assert.rejects(runtime.publisher('words', { format: STAMPED_BYTES }), {
      code: 'CHANNEL_IN_USE',
    });
    for (let i = 0; i < 3; i++) assert.equal((await subscriber.receive()).sequence, i + 1);
    const receiving = subscriber.receive();
    publisher.go();
    publisher.say('1');
    assert.equal((await receiving).sequence, 4);
    assert.equal(subscriber.stats().reconnects, 0);
  });

  it('is found when it goes on by whoever connected meanwhile', async (t) => {
    const runtime = new Runtime(t);
    const publisher = new Program('writer-program', {
      channel: 'words',
      kind: 'messages',
      options: { directory: runtime.directory },
    });
    assert.equal(await publisher.line(), 'open');
    await publisher.stop();
    const opening = runtime.subscriber('words', { format: STAMPED_BYTES, start: 'oldest' });
    publisher.go();
    const subscriber = await opening;
    publisher.say('1');
    assert.equal((await subscriber.receive()).sequence, 1);
  });
});

describe('death', options, () => {
  it('of a subscriber is noticed although a child of it holds its sockets', async (t) => {
    const runtime = new Runtime(t);
    const publisher = await runtime.publisher('frames', { format: STAMPED });
    const subscriber = await reader(runtime, 'frames', 'frames', { maxHeld: 2 });
    const heir = Number(await subscriber.ask('heir'));
    t.after(() => process.kill(heir, 'SIGKILL'));
    publishStamped(publisher.tryLoan()!, 1);
    await subscriber.kill();
    await until(() => publisher.stats().subscribers === 0);
    process.kill(heir, 0);
    assert.equal(publisher.stats().slotsHeld, 0);
  });

  it('leaves no descriptor of ours to a child', async (t) => {
    const runtime = new Runtime(t);
    await runtime.publisher('frames', { format: STAMPED });
    const subscriber = await reader(runtime, 'frames', 'frames');
    assert.equal(await subscriber.ask('child'), inherited);
  });

  it('by exit() in the middle of a wait is quick', async (t) => {
    const runtime = new Runtime(t);
    await runtime.publisher('frames', { format: STAMPED });
    const subscriber = await reader(runtime, 'frames', 'frames');
    await subscriber.ask('exit while waiting');
    await subscriber.ended;
    assert.equal(subscriber.child.exitCode, 0);
  });
});
