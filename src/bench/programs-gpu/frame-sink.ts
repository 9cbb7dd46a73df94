/** Reads frames in the memory of a GPU, in place: for `gpu-frames`. */
import { Event, type Kernel, Stream } from '../../gpu/index.js';
import {
  type FrameFormat,
  type FrameSubscriber,
  openSubscriber,
  tensors,
  video,
} from '../../index.js';
import { clockNs } from '../programs-frames/given.js';
import { median } from '../measurement.js';
import { checkWords, HostWords, integrityKernel } from './gpu-tools.js';
import { type GpuGiven, nextTurn, serveGpu, spinFor, turnsFor } from './serve.js';
import type { StampTask } from './frame-source.js';

/** A channel to read. */
export interface SinkTask {
  readonly channel: string;
  readonly kind: 'video' | 'tensor';
}

/** Frames to wait for, spinning, of a publisher that goes on until it is stopped; answered with a `LatencyResult`. */
export interface LatencyTask {
  readonly channel: string;
  readonly frames: number;
}

/** Medians from before publish(), whose time travels as ptsNs. */
export interface LatencyResult {
  /** To the frame in the hands of the subscriber. */
  readonly inHandUs: number;
  /** To its stream being past the wait. */
  readonly pastWaitUs: number;
}

/** What a subscriber has counted since it was opened. */
export interface SinkStats {
  readonly received: number;
  readonly bytesCopied: number;
}

/** Word 1: what a check has counted. */
const WRONG = 1;

class Sink {
  readonly #given: GpuGiven;
  readonly #stream: Stream;
  readonly #words: HostWords;
  readonly #check: Kernel;
  readonly #passed: Event;
  readonly #subscribers = new Map<string, FrameSubscriber<FrameFormat>>();

  constructor(given: GpuGiven, stream: Stream) {
    this.#given = given;
    this.#stream = stream;
    this.#words = new HostWords(given.device);
    this.#check = integrityKernel('check', given.device);
    this.#passed = Event.create({ device: given.device });
  }

  async open({ channel, kind }: SinkTask): Promise<void> {
    const { directory } = this.#given;
    const options = { stream: this.#stream, maxHeld: 1, directory };
    const subscriber =
      kind === 'video'
        ? await openSubscriber(channel, { ...options, format: video() })
        : await openSubscriber(channel, { ...options, format: tensors() });
    this.#subscribers.set(channel, subscriber as unknown as FrameSubscriber<FrameFormat>);
  }

  /** Takes every frame that comes and gives it back, until the channel is closed here. */
  async follow({ channel }: { readonly channel: string }): Promise<void> {
    const subscriber = this.#of(channel);
    void (async () => {
      // The loop releases each frame at its next turn.
      for await (const frame of subscriber) if (frame.sequence < 0) break;
    })();
    await nextTurn();
  }

  /** The first frame may be an old one: it warms everything up and does not count. */
  async latency({ channel, frames }: LatencyTask): Promise<LatencyResult> {
    const subscriber = this.#of(channel);
    const inHandUs: number[] = [];
    const pastWaitUs: number[] = [];
    for (let index = 0; index <= frames; index++) {
      const frame = spinFor('frame', () => subscriber.tryReceive());
      const inHandNs = clockNs();
      this.#passed.record(this.#stream);
      spinFor('end of the wait', () => this.#passed.reached || undefined);
      const passedNs = clockNs();
      if (index > 0) {
        inHandUs.push((inHandNs - frame.ptsNs) / 1000);
        pastWaitUs.push((passedNs - frame.ptsNs) / 1000);
      }
      frame.release();
      await nextTurn();
    }
    return { inHandUs: median(inHandUs), pastWaitUs: median(pastWaitUs) };
  }

  /** Wrong words of the next frame, seen through this process's mapping. */
  async check({ channel, seed }: StampTask): Promise<number> {
    const subscriber = this.#of(channel);
    const frame = await turnsFor('frame', () => subscriber.tryReceive());
    try {
      const { pointer, byteLength } = frame;
      const wanted = { pointer, byteLength, seed };
      return await checkWords(this.#check, this.#stream, this.#words, WRONG, wanted);
    } finally {
      frame.release();
    }
  }

  stats({ channel }: { readonly channel: string }): SinkStats {
    const { received, bytesCopied } = this.#of(channel).stats();
    return { received, bytesCopied };
  }

  async close({ channel }: { readonly channel: string }): Promise<void> {
    await this.#of(channel).close();
    this.#subscribers.delete(channel);
  }

  #of(channel: string): FrameSubscriber<FrameFormat> {
    const subscriber = this.#subscribers.get(channel);
    if (subscriber === undefined) throw new Error(`${channel} is not open`);
    return subscriber;
  }
}

await serveGpu<GpuGiven>(async (given) => {
  const sink = new Sink(given, await Stream.create({ device: given.device }));
  return {
    open: (task: SinkTask) => sink.open(task),
    follow: (task: { readonly channel: string }) => sink.follow(task),
    latency: (task: LatencyTask) => sink.latency(task),
    check: (task: StampTask) => sink.check(task),
    stats: (task: { readonly channel: string }) => sink.stats(task),
    close: (task: { readonly channel: string }) => sink.close(task),
  };
});
