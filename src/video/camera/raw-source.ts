/** An input that gives raw pictures to the ffmpeg that opens it: a device, a screen, a generated picture. */
import { SluiceError } from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { guessColor, type VideoFormat } from '../../format/index.js';
import {
  type CameraFailure,
  graphFailure,
  type NutFrame,
  type NutStream,
  readFailure,
} from '../ffmpeg/index.js';
import { type CodedPicture, type PictureLook, STANDARD_LINES } from './coded-picture.js';
import { type FrameOutput, frameFormat } from './frame-output.js';
import type { CameraInput } from './input.js';
import { pictureArguments, PictureChild } from './picture-child.js';

export interface RawPictures {
  /** A picture comes in. */
  picture(pts: number, look: PictureLook): CodedPicture;
}

const NO_BYTES = new Uint8Array(0);

/** How a run ended: a failure, or undefined at the end of the input or by `close()`. */
export class RawSource {
  readonly #channel: string;
  readonly #input: CameraInput;
  readonly #output: FrameOutput;
  #child: PictureChild | undefined;
  #closed = false;

  constructor(channel: string, input: CameraInput, output: FrameOutput) {
    this.#channel = channel;
    this.#input = input;
    this.#output = output;
  }

  get pid(): number | undefined {
    return this.#child?.child.pid;
  }

  /** Opens the input for one picture: what it is like. */
  async probe(): Promise<PictureLook | CameraFailure> {
    let stream: NutStream | undefined;
    const size = { width: 64, height: 2, pixelFormat: 'nv12' } as const;
    const end = await this.#run(['-frames:v', '1', ...pictureArguments(size, 'converted')], {
      pictureAt: () => undefined,
      opened: (opened) => (stream = opened),
    });
    if (stream === undefined) {
      return end ?? readFailure(`${this.#channel}: cannot open ${this.#input.shown}`, NO_WORDS);
    }
    const { width, height, timeBase } = stream;
    // Of any size: cameras on USB give BT.601 unless they say otherwise, and so does what ffmpeg generates.
    const color = guessColor('nv12', STANDARD_LINES);
    const parameters = { width, height, bitDepth: 8, chroma: 1, color };
    return {
      codec: 'other',
      parameters,
      timeBase,
      fourcc: NO_BYTES,
      extra: NO_BYTES,
      decodeDelay: 0,
    };
  }

  /** Publishes its pictures until it ends. */
  async play(look: PictureLook, pictures: RawPictures): Promise<CameraFailure | undefined> {
    const format: VideoFormat = frameFormat(look.parameters);
    let timeBase = look.timeBase;
    return this.#run(pictureArguments(format, 'converted'), {
      opened: (stream) => (timeBase = stream.timeBase),
      pictureAt: ({ pts }: NutFrame) => pictures.picture(pts, { ...look, timeBase }),
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#child?.close();
  }

  async #run(
    output: readonly string[],
    events: ConstructorParameters<typeof PictureChild>[3],
  ): Promise<CameraFailure | undefined> {
    if (this.#closed) return undefined;
    const { args, secrets, shown, isLive, kind } = this.#input;
    const child = new PictureChild([...args, ...output], secrets, this.#output, events);
    this.#child = child;
    const end = await child.ended;
    if (this.#closed) return undefined;
    if (child.failure !== undefined) return { error: child.failure, isLasting: false };
    if (end.status === 0 && !isLive) return undefined;
    if (child.pictures > 0) return readFailure(`${this.#channel}: ${shown} is lost`, end);
    const attempt = `${this.#channel}: cannot open ${shown}`;
    return kind === 'generated' ? graphFailure(attempt, end) : readFailure(attempt, end);
  }
}

const NO_WORDS = Object.freeze({ status: undefined, lines: [] });

/** The picture of a raw input: no packet, and a key frame each. */
export function rawPicture(
  look: PictureLook,
  pts: number,
  ptsNs: number,
  id: bigint,
  discontinuity: boolean,
): CodedPicture {
  return {
    bytes: NO_BYTES,
    keyFrame: true,
    pts,
    ptsNs,
    captureTimeNs: monotonicNs(),
    id,
    look,
    discontinuity,
    isShown: false,
  };
}

export function isFailure(value: PictureLook | CameraFailure): value is CameraFailure {
  return 'error' in value && value.error instanceof SluiceError;
}
