/** The end of the round trips of `gpu-fences` that begins them and takes the time. */
import {
  DeviceBuffer,
  Stream,
  streamHandle,
  streamSynchronize,
  useDevice,
} from '../../gpu/index.js';
import type { Frame, FrameFormat } from '../../index.js';
import { median } from '../measurement.js';
import { HostWords, Stopwatch } from './gpu-tools.js';
import { nextTurn, PATIENCE_MS, serveGpu, spinFor, turnsFor } from './serve.js';
import {
  CHANNELS,
  type Link,
  openCopyLink,
  openFenceLinks,
  sendCopy,
  socketPathOf,
  TRIPS_A_CHANNEL,
  type TripGiven,
} from './trip-face.js';
import { ByteSocket } from './trip-socket.js';

/** Answered with the median of the trips of one sample in µs. */
export interface TripTask {
  /** At least one burst or trip is made. */
  readonly durationMs: number;
}

/** Word 0 holds the stream back, word 1 stands for a frame that is complete. */
const COMPLETE = 1;
/** Tells the other end of the socket to go on, and to return to its event loop. */
const GO = 1;
const END = 0;

class Ping {
  readonly #stream: Stream;
  readonly #links: readonly Link[];
  readonly #copyLink: Link;
  readonly #socket: ByteSocket;
  readonly #words: HostWords;
  readonly #stopwatch: Stopwatch;
  readonly #source: DeviceBuffer;
  #completed = 0;

  constructor(
    stream: Stream,
    links: readonly Link[],
    copyLink: Link,
    socket: ByteSocket,
    device: number,
  ) {
    this.#stream = stream;
    this.#links = links;
    this.#copyLink = copyLink;
    this.#socket = socket;
    this.#words = new HostWords(device);
    this.#stopwatch = new Stopwatch(stream);
    const byteLength = copyLink.out.manifest.slotBytes;
    this.#source = DeviceBuffer.create(byteLength ?? 0, { device });
  }

  /** All trips of a burst are enqueued on both GPUs' streams before the first one starts. */
  async fences({ durationMs }: TripTask): Promise<number> {
    const samples: number[] = [];
    const endMs = performance.now() + durationMs;
    do samples.push(await this.#burst(CHANNELS * TRIPS_A_CHANNEL));
    while (performance.now() < endMs);
    return median(samples);
  }

  async #burst(trips: number): Promise<number> {
    const open = this.#words.hold(this.#stream);
    try {
      this.#stopwatch.start();
      let former: Frame<FrameFormat> | undefined;
      for (let trip = 0; trip < trips; trip++) {
        const link = this.#links[trip % CHANNELS] as Link;
        spinFor('free slot', () => link.out.tryLoan()).publish();
        // Behind the frame that leaves: nobody waits for a slot that is given back.
        former?.release();
        former = await turnsFor('announcement', () => link.in.tryReceive());
      }
      this.#stopwatch.stop();
      former?.release();
    } finally {
      open();
    }
    return (await this.#stopwatch.us('end of a burst')) / trips;
  }

  /** From `publish()` to a frame that has come back complete, nothing enqueued ahead. */
  async frames({ durationMs }: TripTask): Promise<number> {
    const { out, in: comes } = this.#links[0] as Link;
    return this.#repeat(durationMs, () => {
      spinFor('free slot', () => out.tryLoan()).publish();
      const frame = spinFor('frame', () => comes.tryReceive());
      spinFor('fence', () => frame.state === 'ready' || undefined);
      return () => frame.release();
    });
  }

  /** The CPU waits for its GPU, then tells the other CPU by a socket, which does the same. */
  async socket({ durationMs }: TripTask): Promise<number> {
    const valueUs = await this.#repeat(durationMs, () => {
      this.#words.write(this.#stream, COMPLETE, ++this.#completed);
      streamSynchronize(streamHandle(this.#stream));
      this.#socket.send(GO);
      this.#socket.receive();
    });
    this.#socket.send(END);
    return valueUs;
  }

  /** To host memory by the copy engine, to the other process's GPU by its own, and all the way back. */
  async copies({ durationMs }: TripTask): Promise<number> {
    const { out, in: comes } = this.#copyLink;
    return this.#repeat(durationMs, () => {
      useDevice(this.#stream.device);
      spinFor('free slot', () => sendCopy(out, this.#stream, this.#source.pointer) || undefined);
      const frame = spinFor('frame', () => comes.tryReceive());
      spinFor('copy', () => frame.state === 'ready' || undefined);
      return () => frame.release();
    });
  }

  /** The median in µs; what a trip returns is called outside of its time. */
  async #repeat(durationMs: number, trip: () => void | (() => void)): Promise<number> {
    const samples: number[] = [];
    const endMs = performance.now() + Math.min(durationMs, PATIENCE_MS);
    do {
      const startedMs = performance.now();
      const after = trip();
      samples.push((performance.now() - startedMs) * 1000);
      after?.();
      await nextTurn();
    } while (performance.now() < endMs);
    return median(samples);
  }
}

await serveGpu<TripGiven>(async (given) => {
  const { device } = given;
  const stream = await Stream.create({ device });
  const [links, copyLink, socket] = await Promise.all([
    openFenceLinks(given, stream),
    openCopyLink(given, stream),
    ByteSocket.listen(socketPathOf(given)),
  ]);
  const ping = new Ping(stream, links, copyLink, socket, device);
  return {
    fences: (task: TripTask) => ping.fences(task),
    frames: (task: TripTask) => ping.frames(task),
    socket: (task: TripTask) => ping.socket(task),
    copies: (task: TripTask) => ping.copies(task),
  };
});
