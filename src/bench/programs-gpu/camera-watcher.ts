/** Reads one of many cameras in the memory of a GPU, and sees how much of that memory is left: for `gpu-cameras`. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkCuda, cudaDriver, cudaOut, outU64 } from '../../ffi/index.js';
import { Event, findDevice, Stream, useDevice } from '../../gpu/index.js';
import { type Frame, openSubscriber, video, type VideoFormat } from '../../index.js';
import { clockNs } from '../programs-frames/given.js';
import { type GpuGiven, PATIENCE_MS, serveGpu, spinFor, turnsFor } from './serve.js';

/** Frames to wait for, asleep or with a core of its own. */
export interface WatchTask {
  readonly channel: string;
  readonly frames: number;
  readonly awake: boolean;
}

/** From the publication of each frame, in the order they came, us. */
export interface WatchResult {
  /** To the frame in the hands of the subscriber, its stream waiting for the fence. */
  readonly inHandUs: readonly number[];
  /** To the stream being past the fence: what the picture holds can be used. */
  readonly pastWaitUs: readonly number[];
  /** To the same moment, from the capture of the frame: for what is made of others, from the begin of the work. */
  readonly capturedToPastWaitUs: readonly number[];
}

/** A Unix socket by which times come, each as it was sent: what waking a process costs by itself. */
export interface TicksTask {
  readonly path: string;
  readonly ticks: number;
}

class Watcher {
  readonly #given: GpuGiven;
  readonly #stream: Stream;
  readonly #passed: Event;

  constructor(given: GpuGiven, stream: Stream) {
    this.#given = given;
    this.#stream = stream;
    this.#passed = Event.create({ device: given.device });
  }

  /** Bytes of the GPU's memory that nobody has: cuMemGetInfo(). */
  freeBytes(): number {
    useDevice(findDevice(this.#given.device, 'see its memory'));
    const result = cudaDriver().cuMemGetInfo(cudaOut, new Uint8Array(8));
    checkCuda(result, 'cuMemGetInfo', 'see what memory of a GPU is free');
    return outU64();
  }

  /** The first frame warms everything up and does not count. */
  async watch({ channel, frames, awake }: WatchTask): Promise<WatchResult> {
    const { directory } = this.#given;
    const options = { format: video(), stream: this.#stream, maxHeld: 1, directory };
    await using subscriber = await openSubscriber(channel, options);
    const inHandUs: number[] = [];
    const pastWaitUs: number[] = [];
    const capturedToPastWaitUs: number[] = [];
    const take = (frame: Frame<VideoFormat>): void => {
      const inHandNs = clockNs();
      this.#passed.record(this.#stream);
      spinFor('end of the wait', () => this.#passed.reached || undefined);
      const passedNs = clockNs();
      inHandUs.push((inHandNs - frame.publishTimeNs) / 1000);
      pastWaitUs.push((passedNs - frame.publishTimeNs) / 1000);
      capturedToPastWaitUs.push((passedNs - frame.captureTimeNs) / 1000);
    };
    while (inHandUs.length <= frames) {
      const frame = await (awake
        ? turnsFor('frame', () => subscriber.tryReceive())
        : subscriber.receive({ signal: AbortSignal.timeout(PATIENCE_MS) }));
      take(frame);
      frame.release();
      // Asleep means that nothing of the last frame is left to do.
      if (!awake) await sleep(1);
    }
    return {
      inHandUs: inHandUs.slice(1),
      pastWaitUs: pastWaitUs.slice(1),
      capturedToPastWaitUs: capturedToPastWaitUs.slice(1),
    };
  }
}

/** From the sending of each time to its arrival, us; the first does not count. */
function ticks({ path, ticks: count }: TicksTask): Promise<readonly number[]> {
  const us: number[] = [];
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      us.push((clockNs() - bytes.readDoubleLE(0)) / 1000);
      if (us.length <= count) return;
      socket.destroy();
      resolve(us.slice(1));
    });
  });
}

await serveGpu<GpuGiven>(async (given) => {
  const watcher = new Watcher(given, await Stream.create({ device: given.device }));
  return {
    freeBytes: () => watcher.freeBytes(),
    watch: (task: WatchTask) => watcher.watch(task),
    ticks,
  };
});
