import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { bytes, tensors } from '../../src/index.js';
import { endAll, Program, until } from './program.js';
import { Runtime } from './runtime.js';

after(endAll);

async function hostile(runtime: Runtime): Promise<{ program: Program; channels: string[] }> {
  mkdirSync(runtime.directory, { mode: 0o700 });
  const program = new Program('hostile-publisher-program', { directory: runtime.directory });
  return { program, channels: JSON.parse(await program.line()) as string[] };
}

interface Report {
  readonly outcomes: Record<string, string>;
  readonly leaked: readonly number[];
  readonly grownMiB: number;
}

describe('hostile publishers', { timeout: 120_000 }, () => {
  it('get typed errors from a subscriber that outlives them all and keeps nothing of theirs', async (t) => {
    const runtime = new Runtime(t);
    const { channels } = await hostile(runtime);
    const { directory } = runtime;
    const trusting = new Program('trusting-program', { directory, channels, looks: 20_000 });
    const { outcomes, leaked, grownMiB } = JSON.parse(await trusting.line()) as Report;
    await trusting.ended;
    assert.equal(trusting.child.signalCode, null);
    const random = ['random-pool', 'random-slots', 'random-bytes'];
    const read = ['frozen', 'backwards', 'two-epochs', 'ansi', ...random];
    const slow = ['mute', 'trickle', 'wakes-only'];
    for (const [channel, outcome] of Object.entries(outcomes)) {
      if (read.includes(channel)) assert.match(outcome, /^(?:read|PROTOCOL)/, channel);
      else if (slow.includes(channel)) assert.equal(outcome, 'NO_ANSWER', channel);
      else if (channel === 'slams') assert.match(outcome, /^(?:read none|CHANNEL_NOT_FOUND)$/);
      else assert.equal(outcome, 'PROTOCOL', channel);
    }
    assert.deepEqual(
      leaked.map((count) => Math.max(0, count - 1)),
      [0, 0],
      'but for one inotify',
    );
    assert.ok(grownMiB < 80, `${grownMiB} MiB more`);
  });

  it('that break each connection are not asked again in a storm', async (t) => {
    const runtime = new Runtime(t);
    const { program } = await hostile(runtime);
    for (const [channel, attempts, leastMs] of [
      ['slams', 12, 500],
      ['backwards', 6, 250],
      // Nobody reads there: who reads has often acknowledged the one before the next is seen.
      ['two-epochs', 6, 250],
    ] as const) {
      const startedMs = performance.now();
      const subscriber = await runtime.subscriber(channel, { format: tensors() });
      const reading = (async () => {
        if (channel === 'two-epochs') return;
        for await (const frame of subscriber) assert.fail(`frame ${frame.sequence}`);
      })();
      for (;;) if (Number(await program.ask(channel)) >= attempts) break;
      // A lower bound: a slow machine only makes it longer.
      assert.ok(performance.now() - startedMs > leastMs, `${channel}: ${attempts} at once`);
      await subscriber.close();
      await reading;
    }
  });

  it('do not disturb other channels of the same subscriber', async (t) => {
    const runtime = new Runtime(t);
    await hostile(runtime);
    const publisher = await runtime.publisher('honest', { format: bytes() });
    const subscriber = await runtime.subscriber('honest', { format: bytes() });
    const others = ['random-bytes', 'random-slots'].map(async (channel) => {
      const other = await runtime.subscriber(channel, { format: bytes() });
      for await (const message of other) assert.ok(message.byteLength <= 16_384);
    });
    for (const other of others) other.catch((error: unknown) => assert.fail(String(error)));
    for (let value = 0; value < 300; value++) {
      await publisher.send(Uint8Array.of(value & 255));
      const { value: received } = await subscriber.receive();
      assert.equal(received[0], value & 255);
      if (value % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await until(() => subscriber.stats().received === 300);
  });
});
