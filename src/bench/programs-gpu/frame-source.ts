/** Publishes frames in the memory of a GPU: for `gpu-frames`, `gpu-peers` and `gpu-open`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kernel, Stream } from '../../gpu/index.js';
import {
  type FrameFormat,
  type FramePublisher,
  openPublisher,
  tensor,
  video,
} from '../../index.js';
import { clockNs } from '../programs-frames/given.js';
import { median } from '../measurement.js';
import { checkWords, HostWords, integrityKernel, stamp } from './gpu-tools.js';
import { type GpuGiven, nextTurn, PATIENCE_MS, serveGpu, turnsFor } from './serve.js';

/** A channel to open. */
export interface ChannelTask {
  readonly channel: string;
  /** NV12 pictures of this width, 16:9; without it tensors of `byteLength`. */
  readonly width?: number;
  readonly byteLength?: number;
  readonly slots: number;
}

/** Frames that a kernel writes, one by one; answered with a `CallResult`. */
export interface PublishTask {
  readonly channel: string;
  readonly frames: number;
  /** Between two frames; 0: one turn of the event loop. */
  readonly pauseMs: number;
}

/** Of the calls of publish(), without loan() and what the GPU does. */
export interface CallResult {
  readonly medianUs: number;
  readonly p99Us: number;
}

/** A frame of known words; answered with the number of wrong words in the publisher's own mapping. */
export interface StampTask {
  readonly channel: string;
  readonly seed: number;
}

/** Long enough for the stream to be idle before each frame. */
const PAUSE_MS = 1;
/** Word 1: what a check has counted. */
const WRONG = 1;

class Source {
  readonly #stream: Stream;
  readonly #words: HostWords;
  readonly #stamp: Kernel;
  readonly #check: Kernel;
  readonly #given: GpuGiven;
  readonly #publishers = new Map<string, FramePublisher<FrameFormat>>();
  #wanted = false;
  #running: Promise<void> | undefined;

  constructor(given: GpuGiven, stream: Stream) {
    this.#given = given;
    this.#stream = stream;
    this.#words = new HostWords(given.device);
    this.#stamp = integrityKernel('stamp', given.device);
    this.#check = integrityKernel('check', given.device);
  }

  async open({ channel, width, byteLength = 0, slots }: ChannelTask): Promise<void> {
    const { directory, device } = this.#given;
    const format =
      width === undefined
        ? tensor('u8', [byteLength])
        : video({ width, height: (width / 16) * 9, pixelFormat: 'nv12' });
    const publisher = await openPublisher<FrameFormat>(channel, {
      format,
      memory: `cuda:${device}`,
      slots,
      stream: this.#stream,
      directory,
    });
    this.#publishers.set(channel, publisher);
  }

  async publish({ channel, frames, pauseMs }: PublishTask): Promise<CallResult> {
    const publisher = this.#of(channel);
    const callsUs: number[] = [];
    for (let index = 0; index < frames; index++) {
      const loan = await turnsFor('free slot', () => publisher.tryLoan());
      stamp(this.#stamp, this.#stream, loan.pointer, loan.byteLength, index);
      const startedNs = clockNs();
      loan.publish();
      callsUs.push((clockNs() - startedNs) / 1000);
      await (pauseMs > 0 ? sleep(pauseMs) : nextTurn());
    }
    callsUs.sort((a, b) => a - b);
    const p99Us = callsUs[Math.floor(0.99 * (callsUs.length - 1))] ?? Number.NaN;
    return { medianUs: median(callsUs), p99Us };
  }

  /** Empty frames now and then, until `stop`; the time before each publish() travels as its ptsNs. */
  async start({ channel }: { readonly channel: string }): Promise<void> {
    const publisher = this.#of(channel);
    this.#wanted = true;
    this.#running = (async () => {
      const endMs = performance.now() + 2 * PATIENCE_MS;
      while (this.#wanted && performance.now() < endMs) {
        publisher.tryLoan()?.publish({ ptsNs: clockNs() });
        await sleep(PAUSE_MS);
      }
    })();
    // What fails shows in stop().
    this.#running.catch(() => undefined);
    await nextTurn();
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#running;
  }

  async stamped({ channel, seed }: StampTask): Promise<number> {
    const publisher = this.#of(channel);
    const loan = await turnsFor('free slot', () => publisher.tryLoan());
    const { pointer, byteLength } = loan;
    stamp(this.#stamp, this.#stream, pointer, byteLength, seed);
    loan.publish();
    const wanted = { pointer, byteLength, seed };
    return checkWords(this.#check, this.#stream, this.#words, WRONG, wanted);
  }

  async close({ channel }: { readonly channel: string }): Promise<void> {
    await this.#of(channel).close();
    this.#publishers.delete(channel);
  }

  #of(channel: string): FramePublisher<FrameFormat> {
    const publisher = this.#publishers.get(channel);
    if (publisher === undefined) throw new Error(`${channel} is not open`);
    return publisher;
  }
}

await serveGpu<GpuGiven>(async (given) => {
  const source = new Source(given, await Stream.create({ device: given.device }));
  return {
    open: (task: ChannelTask) => source.open(task),
    publish: (task: PublishTask) => source.publish(task),
    start: (task: { readonly channel: string }) => source.start(task),
    stop: () => source.stop(),
    stamped: (task: StampTask) => source.stamped(task),
    close: (task: { readonly channel: string }) => source.close(task),
  };
});
