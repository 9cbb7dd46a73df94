/** Messages that kernels write into a ring: whole, in order, none lost, whatever their length and however slow a reader. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { GpuProducer } from '../../../src/cuda.js';
import { bytes, type BytesFormat, type MessageSubscriber } from '../../../src/index.js';
import { endAll } from '../../process/program.js';
import { GpuRuntime } from '../gpu-runtime.js';
import { kernelsOf, wordOf } from '../integrity.js';
import { options } from '../place.js';

const ARENA_BYTES = 64 * 1024;
const SEED = 11;
/** Lengths around the borders of a slot of 240 bytes, and several slots long. */
const LENGTHS = [0, 1, 15, 16, 17, 239, 240, 241, 480, 481, 1000, 2400];
const BATCHES = 40;

after(endAll);

/** What the arena holds: words that a kernel stamped. */
const ARENA = Buffer.from(
  Uint32Array.from({ length: ARENA_BYTES / 4 }, (_, index) => wordOf(SEED, index)).buffer,
);

interface Expected {
  readonly type: number;
  readonly offset: number;
  readonly byteLength: number;
}

/** The messages of a batch: lengths, places and types change from one to the next. */
function batchOf(number: number): Expected[] {
  return Array.from({ length: 5 + (number % 60) }, (_, i) => {
    const byteLength = LENGTHS[(number + i) % LENGTHS.length]!;
    return { type: (number + i) % 256, byteLength, offset: (number * 97 + i * 31) % 60_000 };
  });
}

const STYLES = { 3: { prefix: '\u001b[36m', suffix: '\u001b[0m' } };

function textOf({ type, offset, byteLength }: Expected): Buffer {
  const text = ARENA.subarray(offset, offset + byteLength);
  const { prefix = '', suffix = '' } = type === 3 ? STYLES[3] : {};
  return Buffer.concat([Buffer.from(prefix), text, Buffer.from(suffix)]);
}

describe('messages that a GPU writes', options, () => {
  const open = async (
    runtime: GpuRuntime,
    ring: object,
  ): Promise<{ producer: GpuProducer; reader: MessageSubscriber<BytesFormat> }> => {
    const format = bytes();
    const publisher = await runtime.publisher('ring', { format, layout: 'slots', ...ring });
    const stream = await runtime.stream();
    const producer = await GpuProducer.open(publisher, {
      stream,
      arenaBytes: ARENA_BYTES,
      styles: STYLES,
    });
    const args = [producer.arena.pointer, { u64: ARENA_BYTES / 4 }, { u32: SEED }];
    kernelsOf(stream.device).stamp.launch({ grid: 16, block: 256, stream, args });
    await stream.synchronize();
    return { producer, reader: await runtime.subscriber('ring', { format }) };
  };

  it('arrive whole and in order, of any length, with the style of their type', async (t) => {
    const { producer, reader } = await open(new GpuRuntime(t), { slots: 4096 });
    const sent = Array.from({ length: BATCHES }, (_, number) => batchOf(number));
    const published = Promise.all(sent.map((contexts) => producer.processBatch(contexts)));
    for (const expected of sent.flat()) {
      const message = await reader.receive();
      assert.equal(message.type, expected.type);
      assert.deepEqual(Buffer.from(message.value), textOf(expected));
    }
    const batches = await published;
    assert.deepEqual(
      batches.map(({ count }) => count),
      sent.map(({ length }) => length),
    );
    assert.equal(reader.stats().lost, 0);
    await producer.close();
  });

  it('wait for a slow reader: a full ring loses nothing', async (t) => {
    const { producer, reader } = await open(new GpuRuntime(t), { slots: 64, patienceMs: Infinity });
    const sent = Array.from({ length: BATCHES }, (_, number) => batchOf(number));
    const published = sent.map((contexts) => producer.processBatch(contexts));
    let received = 0;
    for (const expected of sent.flat()) {
      const message = await reader.receive();
      assert.deepEqual(Buffer.from(message.value), textOf(expected));
      received += 1;
      if (received % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all(published);
    assert.equal(reader.stats().lost, 0);
    assert.equal(producer.stats().messages, received);
    await producer.close();
  });
});
