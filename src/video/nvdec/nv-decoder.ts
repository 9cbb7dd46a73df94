/**
 * Decodes on the GPU: packets go in, and each picture is copied on the GPU into a slot of the frame channel. Nothing
 * passes through the processor.
 *
 * Each camera has a stream, so that its copies, the fences behind them and the decoder's own work on the way out stay
 * in order; the decoder's memory is given back as soon as the copies are enqueued. One loop works off what was given:
 * a picture that is still being decoded is looked at again later, because mapping it would block the thread and with it
 * all other cameras of the process.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSluiceError, SluiceError } from '../../core/index.js';
import {
  copyRows,
  type DisplayInfo,
  findDevice,
  Stream,
  type VideoCodec,
  VideoDecoder,
  videoDecoderCapabilities,
} from '../../gpu/index.js';
import type { LoanedFrame } from '../../bus/index.js';
import type { VideoFormat } from '../../format/index.js';
import type { CodedPicture, PictureLook } from '../camera/coded-picture.js';
import { type Decoder, MovingMean } from '../camera/decoder.js';
import type { FrameOutput } from '../camera/frame-output.js';

/** Given and not yet decoded, beyond which it is full: of an input that waits, and of a live one. */
const FULL_WAITING = 4;
const FULL_LIVE = 600;
/** A picture that takes longer than this to decode is mapped all the same, which then blocks. */
const LOOK_FOR_MS = 200;
/** Pictures that went in, whose frame has not come out: more than any stream reorders. */
const MAX_UNDER_WAY = 128;

const CODECS: Readonly<Record<string, VideoCodec>> = {
  h264: 'h264',
  hevc: 'hevc',
  av1: 'av1',
  vp9: 'vp9',
};

/** The decoder's name of a stream's codec where the GPU decodes such pictures; else undefined. */
export function nvdecCodec(
  { codec, parameters }: PictureLook,
  memory: string,
): VideoCodec | undefined {
  const name = CODECS[codec];
  const { bitDepth, chroma, width, height } = parameters;
  if (name === undefined || chroma !== 1 || (bitDepth !== 8 && bitDepth !== 10)) return undefined;
  try {
    const caps = videoDecoderCapabilities(findDevice(memory, 'decode'), name, bitDepth);
    const fits = caps !== undefined && width <= caps.maxWidth && height <= caps.maxHeight;
    return fits ? name : undefined;
  } catch (error) {
    // Containers that were not given the decoder's library: ffmpeg decodes, and frames are copied to the GPU.
    if (isSluiceError(error, 'CUDA_UNAVAILABLE')) return undefined;
    throw error;
  }
}

interface Given {
  readonly picture: CodedPicture;
  readonly alone: boolean;
}

export class NvDecoder implements Decoder {
  readonly name = 'nvdec';
  readonly pid = undefined;
  readonly #channel: string;
  readonly #output: FrameOutput;
  readonly #waits: boolean;
  readonly #stream: Stream;
  readonly #decoder: VideoDecoder;
  readonly #delay = new MovingMean();
  /** By its time, which goes through the decoder. */
  readonly #underWay = new Map<
    number,
    { readonly picture: CodedPicture; readonly sinceMs: number }
  >();
  #queue: Given[] = [];
  #running: Promise<void> | undefined;
  #ready: (() => void)[] = [];
  #failure: SluiceError | undefined;
  #closed = false;

  /** Throws `CUDA_UNAVAILABLE`, `CUDA_ERROR`. */
  constructor(
    channel: string,
    codec: VideoCodec,
    memory: string,
    output: FrameOutput,
    { waits }: { readonly waits: boolean },
  ) {
    this.#channel = channel;
    this.#output = output;
    this.#waits = waits;
    const device = findDevice(memory, 'decode');
    this.#stream = Stream.on(device);
    this.#decoder = new VideoDecoder({ device, codec, stream: Number(this.#stream.handle) });
  }

  get failure(): SluiceError | undefined {
    return this.#failure;
  }

  get delayMs(): number | undefined {
    return this.#delay.value;
  }

  get isFull(): boolean {
    return this.#queue.length >= (this.#waits ? FULL_WAITING : FULL_LIVE);
  }

  decode(picture: CodedPicture, alone: boolean): void {
    if (this.#failure !== undefined || this.#closed) return;
    this.#queue.push({ picture, alone });
    this.#run();
  }

  async whenReady(): Promise<void> {
    while (this.isFull && this.#failure === undefined && !this.#closed) {
      await new Promise<void>((resolve) => this.#ready.push(resolve));
    }
  }

  async finish(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#failure === undefined && !this.#closed) await this.#attempt(() => this.#drain());
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#wake();
    await this.#running;
    await this.#stream.close();
    this.#decoder.close();
  }

  #run(): void {
    this.#running ??= this.#attempt(() => this.#work()).finally(() => {
      this.#running = undefined;
      // What came between the loop's last look and here.
      if (this.#queue.length > 0) this.#run();
    });
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#failure = new SluiceError(error.code, `${this.#channel}: ${error.message}`, {
        details: error.details,
        cause: error,
      });
      this.#queue = [];
    }
    this.#wake();
  }

  async #work(): Promise<void> {
    for (;;) {
      const given = this.#queue.shift();
      if (given === undefined || this.#closed) return;
      this.#wake();
      const { picture, alone } = given;
      this.#underWay.set(picture.pts, { picture, sinceMs: performance.now() });
      for (const [oldest] of this.#underWay) {
        if (this.#underWay.size <= MAX_UNDER_WAY) break;
        this.#underWay.delete(oldest);
      }
      await this.#showAll(this.#decoder.parse(picture.bytes, picture.pts));
      // Nothing follows that would push it out of the queue of reordered pictures.
      if (alone) await this.#drain();
    }
  }

  async #drain(): Promise<void> {
    await this.#showAll(this.#decoder.parse(undefined, 0));
  }

  async #showAll(displays: readonly DisplayInfo[]): Promise<void> {
    for (const display of displays) {
      const found = this.#underWay.get(display.timestamp);
      this.#underWay.delete(display.timestamp);
      if (found === undefined || found.picture.isShown || this.#closed) continue;
      const untilMs = performance.now() + LOOK_FOR_MS;
      while (!this.#decoder.isReady(display) && performance.now() < untilMs) await sleep(1);
      const loan = await this.#output.loan();
      if (loan === undefined) continue;
      this.#copy(display, loan, found.picture);
      this.#delay.add(performance.now() - found.sinceMs);
    }
  }

  #copy(display: DisplayInfo, loan: LoanedFrame<VideoFormat>, picture: CodedPicture): void {
    const stream = Number(this.#stream.handle);
    try {
      this.#decoder.map(display, ({ y, uv }) => {
        for (const [index, from] of [y, uv].entries()) {
          const plane = loan.planes[index]!;
          const { pitchBytes, width, height } = plane;
          const samples = index === 0 ? width : width * 2;
          const widthBytes = samples * (loan.format.pixelFormat === 'p010' ? 2 : 1);
          copyRows(
            stream,
            { address: Number(plane.pointer), pitchBytes },
            from,
            widthBytes,
            height,
          );
        }
        // The fence behind the copies comes before the decoder's memory is given back, and so used again.
        loan.publish({ ...this.#output.timesOf(picture), stream: this.#stream });
      });
    } finally {
      loan[Symbol.dispose]();
    }
    this.#output.published(picture);
  }

  #wake(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const resolve of ready) resolve();
  }
}
