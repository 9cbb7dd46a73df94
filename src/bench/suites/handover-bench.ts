/** The sending side of the hand-over benchmark: publishers of all sizes, a socket, and one reading process a way. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FramePublisher, openPublisher, tensor, type TensorFormat } from '../../index.js';
import { ChildProgram } from '../child-program.js';
import { median } from '../measurement.js';
import type {
  Burst,
  BurstResult,
  ReaderGiven,
  SentFrame,
} from '../programs-frames/frame-reader.js';
import { clockNs } from '../programs-frames/given.js';

const PROGRAM = new URL('../programs-frames/frame-reader.js', import.meta.url);
const SLOTS = 4;
/** Long enough for a reader to fall asleep between two frames. */
const PAUSE_MS = 1;
/** A reader that missed a frame gets another one; so many times as many as it wanted. */
const MOST_TRIES = 10;

/** Who hands over, and how the reader waits. */
export interface Way {
  readonly subject: string;
  readonly by: Burst['by'];
  /** Larger frames are left out. */
  readonly maxBytes: number;
}

/** Medians of a burst. */
export interface BurstSample {
  readonly latencyUs: number;
  readonly callUs: number;
  readonly copiedBytesPerFrame: number;
}

export class HandoverBench {
  readonly #directory: string;
  readonly #socketPath: string;
  readonly #publishers = new Map<number, FramePublisher<TensorFormat>>();
  readonly #readers = new Map<Burst['by'], ChildProgram>();
  readonly #frames = new Map<number, Buffer>();
  readonly #server: Server = createServer();
  #socket: Socket | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#socketPath = join(directory, 'bench.socket');
  }

  async open(byteLengths: readonly number[]): Promise<void> {
    const listening = once(this.#server, 'listening');
    this.#server.listen(this.#socketPath);
    await listening;
    for (const byteLength of byteLengths) {
      const publisher = await openPublisher(channelOf(byteLength), {
        format: tensor('u8', [byteLength]),
        slots: SLOTS,
        directory: this.#directory,
      });
      this.#publishers.set(byteLength, publisher as FramePublisher<TensorFormat>);
    }
  }

  /** `count` frames one by one, each after the one before has arrived. */
  async burst(way: Way, byteLength: number, count: number): Promise<BurstSample> {
    const reader = this.#readerOf(way.by);
    const connected = this.#connection(way);
    await reader.tell({
      by: way.by,
      channel: channelOf(byteLength),
      byteLength,
      count,
    } satisfies Burst);
    await reader.next();
    await connected;
    const callsUs: number[] = [];
    const result = await this.#send(way, byteLength, count, reader, callsUs);
    const { latenciesUs, copiedBytes, receivedFrames } = result;
    return {
      latencyUs: median(latenciesUs),
      callUs: median(callsUs),
      copiedBytesPerFrame: copiedBytes / Math.max(1, receivedFrames),
    };
  }

  async close(): Promise<void> {
    for (const reader of this.#readers.values()) await reader.stop();
    this.#socket?.destroy();
    this.#server.close();
    for (const publisher of this.#publishers.values()) await publisher.close();
  }

  #send(
    { by }: Way,
    byteLength: number,
    count: number,
    reader: ChildProgram,
    callsUs: number[],
  ): Promise<BurstResult> {
    if (by === 'socket') return this.#sendBySocket(byteLength, count, reader, callsUs);
    if (by === 'process.send') return this.#sendToProcess(byteLength, count, reader, callsUs);
    return this.#publish(byteLength, count, reader, callsUs);
  }

  async #publish(
    byteLength: number,
    count: number,
    reader: ChildProgram,
    callsUs: number[],
  ): Promise<BurstResult> {
    const publisher = this.#publishers.get(byteLength);
    if (publisher === undefined) throw new Error(`no publisher of ${byteLength} bytes`);
    let done = false;
    const result = reader.next<BurstResult>().finally(() => (done = true));
    // It is awaited below; a failure meanwhile must not count as unhandled.
    result.catch(() => undefined);
    for (let index = 0; index < count * MOST_TRIES && !done; index++) {
      const startedNs = clockNs();
      publisher.tryLoan()?.publish({ ptsNs: startedNs });
      callsUs.push((clockNs() - startedNs) / 1000);
      await sleep(PAUSE_MS);
    }
    return result;
  }

  async #sendBySocket(
    byteLength: number,
    count: number,
    reader: ChildProgram,
    callsUs: number[],
  ): Promise<BurstResult> {
    const socket = this.#socket;
    if (socket === undefined) throw new Error('the reader has not connected');
    const frame = this.#frameOf(byteLength);
    for (let index = 0; index < count; index++) {
      const arrived = once(socket, 'data', { signal: AbortSignal.timeout(60_000) });
      const startedNs = clockNs();
      frame.writeDoubleLE(startedNs);
      socket.write(frame, () => callsUs.push((clockNs() - startedNs) / 1000));
      await arrived;
      await sleep(PAUSE_MS);
    }
    return reader.next<BurstResult>();
  }

  async #sendToProcess(
    byteLength: number,
    count: number,
    reader: ChildProgram,
    callsUs: number[],
  ): Promise<BurstResult> {
    const frame = this.#frameOf(byteLength);
    for (let index = 0; index < count; index++) {
      const sentNs = clockNs();
      await reader.tell({ sentNs, frame } satisfies SentFrame);
      callsUs.push((clockNs() - sentNs) / 1000);
      await reader.next();
      await sleep(PAUSE_MS);
    }
    return reader.next<BurstResult>();
  }

  #readerOf(by: Burst['by']): ChildProgram {
    let reader = this.#readers.get(by);
    if (reader === undefined) {
      const given: ReaderGiven = { directory: this.#directory, socketPath: this.#socketPath };
      reader = new ChildProgram(PROGRAM, given);
      this.#readers.set(by, reader);
    }
    return reader;
  }

  async #connection({ by }: Way): Promise<void> {
    if (by !== 'socket' || this.#socket !== undefined) return;
    const [socket] = (await once(this.#server, 'connection')) as [Socket];
    this.#socket = socket;
    // A reader that is ended breaks the connection; the burst notices by the process.
    socket.on('error', () => undefined);
  }

  #frameOf(byteLength: number): Buffer {
    let frame = this.#frames.get(byteLength);
    if (frame === undefined) {
      frame = Buffer.alloc(byteLength, 1);
      this.#frames.set(byteLength, frame);
    }
    return frame;
  }
}

function channelOf(byteLength: number): string {
  return `bench/frames-${byteLength}`;
}
