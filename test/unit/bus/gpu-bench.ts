/** A GPU producer of the simulated driver, texts in its arena, and kernels that keep its stream busy or break it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { GpuProducer, type GpuProducerOptions, type MessageContext } from '../../../src/cuda.js';
import { addressOf } from '../../../src/ffi/index.js';
import {
  copyToDevice,
  DeviceBuffer,
  findDevice,
  type Kernel,
  loadKernel,
  Stream,
  streamHandle,
  useDevice,
} from '../../../src/gpu/index.js';
import {
  type MessagePublisher,
  type MessageSubscriber,
  type PublisherOptions,
  text,
  type TextFormat,
} from '../../../src/index.js';
import { simulatedCuda } from '../../cuda-simulator/simulator.js';
import { Bench, failure } from './bench.js';

const simulator = simulatedCuda();

/** Why these tests cannot run, or false. Makes this process use the simulator. */
export const skip = 'skip' in simulator ? simulator.skip : false;
if ('path' in simulator) process.env['SLUICE_CUDA_LIBRARY'] = simulator.path;

const integrity = readFileSync(
  new URL('../../../../kernels/integrity.ptx', import.meta.url),
  'utf8',
);

export const encode = (value: string): Uint8Array => new TextEncoder().encode(value);

export class GpuBench extends Bench {
  readonly #test: TestContext;
  #delay: Kernel | undefined;
  #store: Kernel | undefined;

  constructor(test: TestContext) {
    super(test);
    this.#test = test;
  }

  async words(
    options: Partial<PublisherOptions<TextFormat>> = {},
  ): Promise<MessagePublisher<TextFormat>> {
    return this.publisher('words', { format: text(), layout: 'slots', slots: 64, ...options });
  }

  reader(options: object = {}): Promise<MessageSubscriber<TextFormat>> {
    return this.subscriber('words', { format: text(), ...options });
  }

  async producer(
    publisher: MessagePublisher<TextFormat>,
    options: GpuProducerOptions = {},
  ): Promise<GpuProducer> {
    return this.own(await GpuProducer.open(publisher, options));
  }

  stream(): Promise<Stream> {
    return Stream.create();
  }

  /** GPU memory that holds `bytes`; ends with the test. */
  async onDevice(bytes: Uint8Array): Promise<bigint> {
    const buffer = DeviceBuffer.create(Math.max(16, bytes.length));
    this.#test.after(() => buffer.close());
    await write(buffer.pointer, bytes);
    return buffer.pointer;
  }

  /** Keeps the stream of a producer busy. */
  delay(producer: GpuProducer, milliseconds: number): void {
    this.#delay ??= loadKernel(integrity, 'delay');
    const args = [{ u64: milliseconds * 1000 }];
    this.#delay.launch({ grid: 1, block: 1, stream: producer.stream, args });
  }

  /** A store into nowhere: the context of the GPU is lost. */
  fault(producer: GpuProducer): void {
    this.#store ??= loadKernel(integrity, 'store32');
    const args = [{ u64: 4096 }, { u32: 1 }];
    this.#store.launch({ grid: 1, block: 1, stream: producer.stream, args });
  }
}

async function write(pointer: bigint, bytes: Uint8Array): Promise<void> {
  const stream = await Stream.create();
  useDevice(findDevice(undefined, 'write'));
  copyToDevice(streamHandle(stream), Number(pointer), Number(addressOf(bytes)), bytes.length);
  await stream.synchronize();
  await stream.close();
}

/** Puts texts into the arena, one behind the other; `types` go round. */
export async function inArena(
  producer: GpuProducer,
  values: readonly string[],
  types: readonly number[] = [0],
): Promise<readonly Required<MessageContext>[]> {
  const all: Uint8Array[] = [];
  const contexts: Required<MessageContext>[] = [];
  let offset = 0;
  for (const [index, value] of values.entries()) {
    const bytes = encode(value);
    all.push(bytes);
    contexts.push({
      offset,
      byteLength: bytes.length,
      type: types[index % types.length] as number,
    });
    offset += bytes.length;
  }
  if (offset > 0) await write(producer.arena.pointer, Buffer.concat(all));
  return contexts;
}

/** Four words a context. */
export function packed(contexts: readonly Required<MessageContext>[]): Uint32Array {
  return Uint32Array.from(
    contexts.flatMap(({ offset, byteLength, type }) => [offset, byteLength, type, 0]),
  );
}

/** Texts of lengths from 0 to `longest`, each telling its number. */
export function texts(count: number, longest: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    const length = (i * 97) % (longest + 1);
    return `${i}:${'abcdefghij'.repeat(longest / 10 + 1)}`.slice(0, length);
  });
}

/** Rejects with this error of the language or of Sluice. */
export async function refused(
  promise: Promise<unknown>,
  error: string | typeof TypeError | typeof RangeError,
): Promise<void> {
  await assert.rejects(promise, typeof error === 'string' ? failure(error) : error);
}

/** Everything that can be received now. */
export function received(
  subscriber: MessageSubscriber<TextFormat>,
): { value: string; type: number; sequence: number }[] {
  const all: { value: string; type: number; sequence: number }[] = [];
  for (;;) {
    const message = subscriber.tryReceive();
    if (message === undefined) return all;
    all.push({ value: message.value, type: message.type, sequence: message.sequence });
  }
}
