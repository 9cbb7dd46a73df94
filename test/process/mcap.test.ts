/** What an MCAP file holds is what was published, and playing it back gives the same again. */
import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { json, packets, tensor, text, video } from '../../src/index.js';
import { type McapRecording, openMcapRecording, openReplay } from '../../src/video.js';
import { type RecordedUnit, readMcap } from '../../src/video/mcap/mcap-reader.js';
import { McapFile } from '../../src/video/mcap/mcap-writer.js';
import { encodeUnit } from '../../src/video/mcap/unit-codec.js';
import { openDescriptors, Runtime } from './runtime.js';
import { until } from './tap-clip.js';

const PICTURES = video({ width: 70, height: 6, pixelFormat: 'nv12' });
const ROUNDS = 12;

async function unitsOf(file: string): Promise<readonly RecordedUnit[]> {
  const units: RecordedUnit[] = [];
  for await (const unit of readMcap(file)) units.push(unit);
  return units;
}

/** What must be the same of a unit however often it is recorded and played; by channel, in order. */
function essence(units: readonly RecordedUnit[]): unknown {
  const byChannel: Record<string, unknown[]> = {};
  for (const { channel, header, bytes } of units) {
    const { captureTimeNs: _, sequence: __, ...rest } = header;
    const { channel: name, format, userData } = channel;
    const facts = { format, userData, rest, bytes: Buffer.from(bytes).toString('hex') };
    (byChannel[name] ??= []).push(facts);
  }
  return byChannel;
}

/** Publishes pictures of two sizes, tensors of many shapes, packets and values, all of them recorded. */
async function record(test: TestContext): Promise<{ runtime: Runtime; file: string }> {
  const runtime = new Runtime(test);
  const { directory } = runtime;
  const file = join(runtime.folder, 'all.mcap');
  const userData = { place: 'door' };
  const wait = { whenFull: 'wait' } as const;
  const pictures = await runtime.publisher('pictures', { format: PICTURES, userData, ...wait });
  const shapes = tensor('f32', [4, 3], { variable: true });
  const tensors = await runtime.publisher('tensors', { format: shapes, ...wait });
  const coded = await runtime.publisher('coded/packets', { format: packets({ codec: 'h264' }) });
  const values = await runtime.publisher('values', { format: json<unknown>() });
  const recording = await openMcapRecording('**', { file, directory });
  await until(() =>
    [pictures, tensors, coded, values].every(({ subscribers }) => subscribers.length === 1),
  );
  for (let round = 1; round <= ROUNDS; round++) {
    const at = round * 1_000_000_007;
    if (round === ROUNDS / 2) {
      await pictures.setFormat(video({ width: 8, height: 2, pixelFormat: 'rgb24' }));
    }
    const picture = await pictures.loan();
    picture.bytes.fill(round);
    picture.publish({ ptsNs: at, keyFrame: round % 3 === 0, userData: Buffer.from([round]) });
    const loan = await tensors.loan();
    loan.bytes.fill(round);
    loan.publish({ ptsNs: -at, shape: [1 + (round % 4), 3], id: BigInt(round) << 40n });
    const packet = { ptsNs: at, dtsNs: at - 5, keyFrame: round === 1, id: 2n ** 64n - 1n };
    await coded.send(Buffer.alloc(100, round), packet);
    await values.send({ round, words: ['a', null] }, { type: round });
    await until(() => recording.stats().units === 4 * round);
  }
  await finish(recording);
  await Promise.all([pictures, tensors, coded, values].map((publisher) => publisher.close()));
  return { runtime, file };
}

async function finish(recording: McapRecording): Promise<void> {
  assert.equal(recording.stats().lost, 0);
  await recording.close();
  assert.deepEqual(await recording.closed, { reason: 'closed' });
}

describe('a recording of any channels', () => {
  it('played back and recorded again is the same', async (test) => {
    const { runtime, file } = await record(test);
    const { directory } = runtime;
    const first = await unitsOf(file);
    assert.equal(first.length, 4 * ROUNDS);
    const sizes = first.flatMap(({ channel: { format } }) =>
      format.kind === 'video' ? [format.width] : [],
    );
    assert.deepEqual([...new Set(sizes)], [70, 8]);
    const again = join(runtime.folder, 'again.mcap');
    const recording = await openMcapRecording('**', { file: again, directory });
    const replay = await openReplay(file, { speed: Infinity, subscribers: 1, directory });
    assert.deepEqual(await replay.closed, { reason: 'ended' });
    await until(() => recording.stats().units === 4 * ROUNDS);
    await finish(recording);
    assert.deepEqual(replay.stats(), { channels: 4, units: 4 * ROUNDS, dropped: 0, rounds: 1 });
    assert.deepEqual(essence(await unitsOf(again)), essence(first));
  });

  it('keeps the distances of time, also faster, and other names', async (test) => {
    const { runtime, file } = await record(test);
    const { directory } = runtime;
    const options = { speed: 2, prefix: 'again/', loop: true, directory };
    const startedMs = performance.now();
    const replay = await openReplay(file, options);
    test.after(() => replay.close());
    const wanted = { format: json<unknown>(), start: 'oldest' } as const;
    const subscriber = await runtime.subscriber('again/values', wanted);
    for (let round = 1; round <= ROUNDS; round++) {
      const { value } = await subscriber.receive();
      assert.deepEqual(value, { round, words: ['a', null] });
    }
    const units = await unitsOf(file);
    const spanMs = (units.at(-1)!.timeNs - units[0]!.timeNs) / 1e6;
    // Never too early; how late it may be depends on the machine.
    assert.ok(performance.now() - startedMs >= spanMs / 2 - 1);
    assert.equal((await subscriber.receive()).channel, 'again/values');
    await replay.close();
    assert.deepEqual(await replay.closed, { reason: 'closed' });
  });

  it('can be played as far as it goes when its end is missing', async (test) => {
    const { file } = await record(test);
    const whole = await unitsOf(file);
    const { length } = readFileSync(file);
    for (const part of [0.9, 0.5, 0.1]) {
      truncateSync(file, Math.floor(length * part));
      const units = await unitsOf(file);
      assert.deepEqual(essence(units), essence(whole.slice(0, units.length)));
    }
  });

  it('has JSON to the byte as it was published, also what no parser gives back', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const texts = ['{"b":1.0, "a":12345678901234567890, "a":2}', ' [ 1e2 ] ', 'no JSON at all'];
    const publisher = await runtime.publisher('values', { format: json<unknown>() });
    const file = join(runtime.folder, 'all.mcap');
    const recording = await openMcapRecording('**', { file, directory });
    await until(() => publisher.subscribers.length === 1);
    for (const sent of texts) await publisher.send(Buffer.from(sent));
    await until(() => recording.stats().units === texts.length);
    await finish(recording);
    await publisher.close();
    const again = join(runtime.folder, 'again.mcap');
    const second = await openMcapRecording('**', { file: again, directory });
    const replay = await openReplay(file, { speed: Infinity, subscribers: 1, directory });
    await replay.closed;
    await until(() => second.stats().units === texts.length);
    await finish(second);
    for (const path of [file, again]) {
      const found = (await unitsOf(path)).map(({ bytes }) => Buffer.from(bytes).toString());
      assert.deepEqual(found, texts);
    }
  });

  it('goes on when a channel becomes one of another kind', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const file = join(runtime.folder, 'all.mcap');
    const recording = await openMcapRecording('**', { file, directory });
    for (const format of [json<unknown>(), text()]) {
      const messages = await runtime.publisher('a', { format });
      await until(() => messages.subscribers.length === 1);
      await messages.send(Buffer.from('{}'));
      await until(() => recording.stats().units % 2 === 1);
      await messages.close();
      const frames = await runtime.publisher('a', { format: tensor('f32', [2]) });
      await until(() => frames.subscribers.length === 1);
      (await frames.loan()).publish();
      await until(() => recording.stats().units % 2 === 0);
      await frames.close();
    }
    await finish(recording);
    const kinds = (await unitsOf(file)).map(({ channel }) => channel.format.kind);
    assert.deepEqual(kinds, ['json', 'tensor', 'text', 'tensor']);
  });

  it('says what is wrong with a file', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const file = join(runtime.folder, 'none.mcap');
    const absent = await openReplay(file, { directory });
    assert.match((await absent.closed).error?.message ?? '', /cannot read .*ENOENT/);
    writeFileSync(file, Buffer.alloc(5000, 0x55));
    const none = await openReplay(file, { directory });
    assert.equal((await none.closed).error?.code, 'FORMAT_MISMATCH');
  });

  it('waits through a gap that no timer is long enough for', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const publisher = await runtime.publisher('values', { format: text() });
    const file = join(folder, 'gap.mcap');
    const mcap = await McapFile.create(file);
    for (const [sequence, days] of [0, 40].entries()) {
      const unit = encodeUnit({ sequence: sequence + 1, type: 0 }, Buffer.from('x'));
      await mcap.add(publisher.manifest, sequence + 1, 1e18 + days * 86_400e9, unit);
    }
    await mcap.finish();
    const replay = await openReplay(file, { directory, prefix: 'again/' });
    test.after(() => replay.close());
    await until(() => replay.stats().units === 1);
    const ends = replay.closed.then(({ reason }) => reason);
    assert.equal(await Promise.race([ends, sleep(200, 'waits')]), 'waits');
  });
});

describe('an MCAP file', () => {
  it('that cannot be begun is closed', async () => {
    const open = openDescriptors();
    await assert.rejects(McapFile.create('/dev/full'), { code: 'SYSTEM', message: /ENOSPC/ });
    assert.equal(openDescriptors(), open);
  });
});
