/** The writing end of `gpu-ring`: kernels put messages into a ring, and fill frames in pinned host memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GpuProducer } from '../../cuda.js';
import { addressOf } from '../../ffi/index.js';
import {
  copyToDevice,
  copyToHost,
  DeviceBuffer,
  type Kernel,
  Stream,
  streamHandle,
  useDevice,
} from '../../gpu/index.js';
import {
  bytes,
  type FramePublisher,
  openPublisher,
  tensor,
  type TensorFormat,
} from '../../index.js';
import { clockNs } from '../programs-frames/given.js';
import { median } from '../measurement.js';
import { HostWords, integrityKernel, stamp, Stopwatch } from './gpu-tools.js';
import {
  type Filler,
  MESSAGE_BYTES,
  messagesALaunch,
  PAYLOAD_CHANNEL,
  PAYLOAD_SLOTS,
  RING_CHANNEL,
  type RingGiven,
  SEED,
  SMALL_BATCH,
  SMALL_TYPE,
} from './ring-face.js';
import { nextTurn, serveGpu, turnsFor } from './serve.js';

/** Where the contexts of a stream of messages come from. */
export type ContextsFrom = 'device' | 'JavaScript';

/** Large batches until the time is over; answered when all of them are published. */
export interface StreamTask {
  readonly contexts: ContextsFrom;
  readonly durationMs: number;
}

/** Small batches one by one, each launched when the one before was read; answered with `clockNs` before each. */
export interface SmallTask {
  readonly batches: number;
}

/** Frames; answered when the GPU has written all of them. */
export interface PayloadTask {
  readonly by: Filler;
  readonly frames: number;
}

/** Batches that are launched while one is written. */
const LANES = 4;
const ARENA_BYTES = 2 ** 20;
const CONTEXT_BYTES = 16;
/** Between two small batches: the reader has come to rest in its loop. */
const REST_MS = 0.1;
/** Plain copies of one sample. */
const PLAIN_COPIES = 16;

/** Contexts of messages that lie side by side in the arena, again and again. */
function packContexts(count: number, type = 0): Uint32Array {
  const texts = Math.floor(ARENA_BYTES / MESSAGE_BYTES);
  const contexts = new Uint32Array(count * 4);
  for (let i = 0; i < count; i++) {
    contexts[4 * i] = (i % texts) * MESSAGE_BYTES;
    contexts[4 * i + 1] = MESSAGE_BYTES;
    contexts[4 * i + 2] = type;
  }
  return contexts;
}

class Messages {
  readonly #producer: GpuProducer;
  readonly #packed: Uint32Array;
  readonly #small = packContexts(SMALL_BATCH, SMALL_TYPE);
  readonly #onDevice: DeviceBuffer;

  private constructor(producer: GpuProducer, packed: Uint32Array, onDevice: DeviceBuffer) {
    this.#producer = producer;
    this.#packed = packed;
    this.#onDevice = onDevice;
  }

  static async open(given: RingGiven): Promise<Messages> {
    const { directory, device, slots } = given;
    const publisher = await openPublisher(RING_CHANNEL, {
      format: bytes(),
      layout: 'slots',
      slots,
      // Nobody is passed over, so that the reader may read in place.
      patienceMs: Infinity,
      directory,
    });
    const stream = await Stream.create({ device });
    const producer = await GpuProducer.open(publisher, { stream, arenaBytes: ARENA_BYTES });
    const kernel = integrityKernel('stamp', device);
    stamp(kernel, stream, producer.arena.pointer, ARENA_BYTES, SEED);
    const packed = packContexts(messagesALaunch(given));
    const onDevice = DeviceBuffer.create(packed.byteLength, { device });
    const staging = new HostWords(device, packed.byteLength);
    staging.bytes.set(new Uint8Array(packed.buffer));
    useDevice(stream.device);
    const from = Number(addressOf(staging.bytes));
    copyToDevice(streamHandle(stream), Number(onDevice.pointer), from, packed.byteLength);
    await stream.synchronize();
    staging.close();
    return new Messages(producer, packed, onDevice);
  }

  async stream({ contexts, durationMs }: StreamTask): Promise<void> {
    const { pointer, byteLength } = this.#onDevice;
    const count = byteLength / CONTEXT_BYTES;
    const batch =
      contexts === 'device' ? { pointer, count, maxBytes: MESSAGE_BYTES } : this.#packed;
    const endMs = performance.now() + durationMs;
    const lane = async (): Promise<void> => {
      do await this.#producer.processBatch(batch);
      while (performance.now() < endMs);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async small({ batches }: SmallTask): Promise<readonly number[]> {
    const launchedNs: number[] = [];
    for (let batch = 0; batch < batches; batch++) {
      launchedNs.push(clockNs());
      await this.#producer.processBatch(this.#small);
      const restMs = performance.now() + REST_MS;
      while (performance.now() < restMs) await nextTurn();
    }
    return launchedNs;
  }
}

class Payload {
  readonly #publisher: FramePublisher<TensorFormat>;
  readonly #stream: Stream;
  readonly #source: DeviceBuffer;
  readonly #stopwatch: Stopwatch;
  readonly #stamp: Kernel;

  private constructor(
    publisher: FramePublisher<TensorFormat>,
    stream: Stream,
    source: DeviceBuffer,
    kernel: Kernel,
  ) {
    this.#publisher = publisher;
    this.#stream = stream;
    this.#source = source;
    this.#stopwatch = new Stopwatch(stream);
    this.#stamp = kernel;
  }

  static async open({ directory, device, frameBytes }: RingGiven): Promise<Payload> {
    const publisher = await openPublisher(PAYLOAD_CHANNEL, {
      format: tensor('u8', [frameBytes]),
      device,
      slots: PAYLOAD_SLOTS,
      whenFull: 'wait',
      patienceMs: Infinity,
      directory,
    });
    const stream = await Stream.create({ device });
    const source = DeviceBuffer.create(frameBytes, { device });
    const kernel = integrityKernel('stamp', device);
    stamp(kernel, stream, source.pointer, frameBytes, SEED);
    await stream.synchronize();
    return new Payload(publisher as FramePublisher<TensorFormat>, stream, source, kernel);
  }

  async frames({ by, frames }: PayloadTask): Promise<void> {
    const stream = this.#stream;
    for (let index = 0; index < frames; index++) {
      const loan = await turnsFor('free slot', () => this.#publisher.tryLoan());
      if (by === 'kernel') {
        stamp(this.#stamp, stream, loan.pointer, this.#source.byteLength, SEED);
      } else {
        this.#copyOut(Number(addressOf(loan.bytes)));
      }
      loan.publish({ stream });
    }
    await stream.synchronize();
  }

  /** GB/s of the copy engine into a slot, with nothing around it. */
  async plain(): Promise<number> {
    const loan = await turnsFor('free slot', () => this.#publisher.tryLoan());
    try {
      const address = Number(addressOf(loan.bytes));
      const samples: number[] = [];
      for (let sample = 0; sample < 3; sample++) {
        this.#stopwatch.start();
        for (let copy = 0; copy < PLAIN_COPIES; copy++) this.#copyOut(address);
        this.#stopwatch.stop();
        const us = await this.#stopwatch.us('end of the copies');
        samples.push((PLAIN_COPIES * this.#source.byteLength) / (us * 1000));
      }
      return median(samples);
    } finally {
      loan[Symbol.dispose]();
    }
  }

  #copyOut(address: number): void {
    const { pointer, byteLength } = this.#source;
    useDevice(this.#stream.device);
    copyToHost(streamHandle(this.#stream), address, Number(pointer), byteLength);
  }
}

await serveGpu<RingGiven>(async (given) => {
  const messages = await Messages.open(given);
  const payload = await Payload.open(given);
  return {
    stream: (task: StreamTask) => messages.stream(task),
    small: async (task: SmallTask) => {
      // The reader needs this long to begin to spin.
      await sleep(50);
      return messages.small(task);
    },
    frames: (task: PayloadTask) => payload.frames(task),
    plain: () => payload.plain(),
  };
});
