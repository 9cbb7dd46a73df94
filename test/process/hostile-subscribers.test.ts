import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { video, type SubscriberStats } from '../../src/index.js';
import type { HostileMode } from './hostile-subscriber-program.js';
import { endAll, Program, until } from './program.js';
import { openDescriptors, residentMiB, Runtime } from './runtime.js';
import { publishStamped, STAMPED, STAMPED_BYTES, stampedMessage } from './stamp.js';

const MODES: readonly HostileMode[] = [
  'lies',
  'hoards',
  'deaf',
  'garbage',
  'crowd',
  'half',
  'never acknowledges',
  'rings',
];
/** What a heap may grow by without a leak. */
const GROWTH_MIB = 60;
const needsRoot = process.geteuid?.() === 0 ? false : 'needs root, to run programs as other users';
const STRANGER = { uid: 1000, gid: 4242 };
after(endAll);

async function reader(
  runtime: Runtime,
  channel: string,
  kind: 'frames' | 'messages',
  more: object,
): Promise<Program> {
  const { directory } = runtime;
  const given = { channel, kind, options: { directory, ...more } };
  const program = new Program('reader-program', given);
  assert.equal(await program.line(), 'open');
  return program;
}

async function statsOf(program: Program): Promise<SubscriberStats> {
  return JSON.parse(await program.ask('stats')) as SubscriberStats;
}

/** Lets the event loop go round, so that sockets are served. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('beside a hostile subscriber', { timeout: 120_000 }, () => {
  for (const mode of MODES) {
    it(`that ${mode}, a publisher of frames serves the others`, async (t) => {
      const runtime = new Runtime(t);
      const publisher = await runtime.publisher('frames', { format: STAMPED, slots: 40 });
      const honest = await reader(runtime, 'frames', 'frames', { delivery: 'every', maxLag: 8 });
      const path = join(runtime.directory, 'frames.sock');
      const mine = { format: STAMPED, delivery: 'every', maxLag: 8, maxHeld: 1 } as const;
      const early = await runtime.subscriber('frames', mine);
      await early.close();
      await until(() => publisher.stats().subscribers === 1);
      const [descriptors, memory] = [openDescriptors(), residentMiB()];
      const hostile = new Program('hostile-subscriber-program', { mode, path });
      assert.equal(await hostile.line(), 'working');
      for (let value = 1; value <= 600; value++) {
        await until(() => (publisher.subscribers[0]?.lag ?? 0) < 8 || honest.over);
        const loan = publisher.tryLoan();
        assert.ok(loan, `no slot for ${value}`);
        publishStamped(loan, value);
        await turn();
      }
      assert.equal(hostile.over, false, 'it goes on all the while');
      await until(() => publisher.subscribers[0]?.lastSequence === 600 || honest.over);
      const { received, lost, reconnects } = await statsOf(honest);
      assert.deepEqual({ received, lost, reconnects }, { received: 600, lost: 0, reconnects: 0 });
      assert.equal(publisher.stats().dropped, 0);
      await hostile.kill();
      await until(() => publisher.stats().subscribers === 1);
      const late = await runtime.subscriber('frames', mine);
      await late.close();
      await until(() => openDescriptors() <= descriptors);
      assert.ok(residentMiB() - memory < GROWTH_MIB, `${residentMiB() - memory} MiB more`);
      assert.equal(publisher.stats().slotsHeld, 0);
    });

    it(`that ${mode}, a publisher of messages that waits serves the others`, async (t) => {
      const runtime = new Runtime(t);
      const publisher = await runtime.publisher('words', {
        format: STAMPED_BYTES,
        ringBytes: 65_536,
        patienceMs: 5,
      });
      const honest = await reader(runtime, 'words', 'messages', {});
      const path = join(runtime.directory, 'words.sock');
      const memory = residentMiB();
      const hostile = new Program('hostile-subscriber-program', { mode, path });
      assert.equal(await hostile.line(), 'working');
      for (let value = 1; value <= 300; value++) {
        // The honest one is never passed over here: it has read before the next is sent.
        await until(
          () => (publisher.subscribers[0]?.lastSequence ?? 0) >= value - 10 || honest.over,
        );
        await publisher.send(stampedMessage(value));
        await turn();
      }
      assert.equal(hostile.over, false);
      await until(() => publisher.subscribers[0]?.lastSequence === 300 || honest.over);
      const { received, lost, reconnects } = await statsOf(honest);
      assert.deepEqual({ received, lost, reconnects }, { received: 300, lost: 0, reconnects: 0 });
      await hostile.kill();
      await until(() => publisher.stats().subscribers === 1);
      assert.ok(residentMiB() - memory < GROWTH_MIB, `${residentMiB() - memory} MiB more`);
    });
  }

  for (const mode of ['lies', 'hoards', 'garbage'] as const) {
    it(`that ${mode} as another user, others go on`, { skip: needsRoot }, async (t) => {
      const runtime = new Runtime(t);
      chmodSync(runtime.folder, 0o755);
      mkdirSync(runtime.directory);
      chownSync(runtime.directory, 0, STRANGER.gid);
      chmodSync(runtime.directory, 0o3770);
      const publisher = await runtime.publisher('frames', {
        format: STAMPED,
        slots: 40,
        allow: { uids: [STRANGER.uid] },
      });
      const honest = await reader(runtime, 'frames', 'frames', { delivery: 'every', maxLag: 8 });
      const path = join(runtime.directory, 'frames.sock');
      const hostile = new Program('hostile-subscriber-program', { mode, path }, STRANGER);
      assert.equal(await hostile.line(), 'working');
      for (let value = 1; value <= 200; value++) {
        await until(() => (publisher.subscribers[0]?.lag ?? 0) < 8 || honest.over);
        publishStamped(publisher.tryLoan()!, value);
        await turn();
      }
      await until(() => publisher.subscribers[0]?.lastSequence === 200 || honest.over);
      const { received, lost } = await statsOf(honest);
      assert.deepEqual({ received, lost }, { received: 200, lost: 0 });
    });
  }

  it('that never acknowledges, changes of format keep one epoch for it, not all', async (t) => {
    const runtime = new Runtime(t);
    const formats = [8, 16].map((width) => video({ width, height: 8, pixelFormat: 'gray8' }));
    const publisher = await runtime.publisher('pictures', { format: formats[0]! });
    const path = join(runtime.directory, 'pictures.sock');
    const hostile = new Program('hostile-subscriber-program', { mode: 'never acknowledges', path });
    assert.equal(await hostile.line(), 'working');
    await publisher.setFormat(formats[1]!);
    const descriptors = openDescriptors();
    for (let epoch = 3; epoch < 60; epoch++) await publisher.setFormat(formats[epoch % 2]!);
    assert.ok(openDescriptors() <= descriptors + 1, `${openDescriptors() - descriptors} more`);
  });
});
