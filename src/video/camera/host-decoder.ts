/** Decodes on the processor: an ffmpeg that reads packets and gives raw pictures. */
import type { SluiceError } from '../../core/index.js';
import { nutFrameHeader, nutHeader, type NutFrame, readFailure, rescale } from '../ffmpeg/index.js';
import type { CodedPicture, PictureLook } from './coded-picture.js';
import { type Decoder, MovingMean } from './decoder.js';
import { type FrameOutput, frameFormat } from './frame-output.js';
import { pictureArguments, PictureChild } from './picture-child.js';

/** Bytes not yet taken by the decoder's pipe, beyond which it is full: of an input that waits, and of a live one. */
const FULL_BYTES_WAITING = 1 << 18;
const FULL_BYTES_LIVE = 16 << 20;
/** Pictures in those bytes, were they all as small as can be. */
const MAX_UNDER_WAY = 1 << 16;
/** A picture that so many later ones have overtaken will not come: the decoder could not make sense of it. */
const MAX_OVERTAKEN = 64;
/** Codecs in start codes need no configuration of their container; with another name ffmpeg would look for one. */
const FOURCCS: Readonly<Record<string, string>> = { h264: 'H264', hevc: 'HEVC', av1: 'av01' };

interface UnderWay {
  readonly picture: CodedPicture;
  readonly sinceMs: number;
  /** How many were given to the decoder before it. */
  readonly order: number;
}

export interface HostDecoderOptions {
  readonly threads: number;
  /** The input can be held up, so little need be on its way. */
  readonly waits: boolean;
}

export class HostDecoder implements Decoder {
  readonly name = 'ffmpeg';
  readonly #child: PictureChild;
  readonly #look: PictureLook;
  /** By the time that goes in and comes out with a picture. */
  readonly #underWay = new Map<number, UnderWay>();
  readonly #fullBytes: number;
  #given = 0;
  readonly #delay = new MovingMean();
  readonly #channel: string;
  #failure: SluiceError | undefined;
  #closing = false;

  constructor(
    channel: string,
    look: PictureLook,
    output: FrameOutput,
    { threads, waits }: HostDecoderOptions,
  ) {
    this.#look = look;
    this.#fullBytes = waits ? FULL_BYTES_WAITING : FULL_BYTES_LIVE;
    this.#channel = channel;
    const args = [
      // Times come out as they went in.
      '-copyts',
      // The stream is described by its header: nothing is to be found out by reading ahead.
      ...['-probesize', '32', '-analyzeduration', '1', '-threads', String(threads)],
      ...['-f', 'nut', '-i', 'pipe:0'],
      ...pictureArguments(frameFormat(look.parameters), 'as it is'),
    ];
    this.#child = new PictureChild(args, [], output, {
      pictureAt: (frame) => this.#pictureAt(frame),
    });
    const isPlain = look.codec in FOURCCS;
    this.#child.child.input.write(
      nutHeader({
        class: 'video',
        fourcc: isPlain ? Buffer.from(FOURCCS[look.codec] as string) : look.fourcc,
        timeBase: look.timeBase,
        decodeDelay: look.decodeDelay,
        extra: isPlain ? new Uint8Array(0) : look.extra,
        width: look.parameters.width,
        height: look.parameters.height,
        sampleRateHz: 0,
        channels: 0,
      }),
    );
    void this.#child.ended.then((end) => {
      if (this.#closing) return;
      const attempt = `${channel}: the decoder has ended`;
      this.#failure = this.#child.failure ?? readFailure(attempt, end).error;
    });
  }

  get pid(): number | undefined {
    return this.#child.child.pid;
  }

  get failure(): SluiceError | undefined {
    return this.#failure;
  }

  get delayMs(): number | undefined {
    return this.#delay.value;
  }

  get isFull(): boolean {
    return this.#child.child.input.writableLength > this.#fullBytes;
  }

  decode(picture: CodedPicture, alone: boolean): void {
    if (this.#failure !== undefined) return;
    const order = this.#given;
    this.#given += 1;
    this.#underWay.set(picture.pts, { picture, sinceMs: performance.now(), order });
    this.#forget(order - MAX_UNDER_WAY);
    this.#write(picture, picture.pts);
    if (!alone) return;
    // A decoder holds as many pictures back as the stream may reorder. The same one again pushes it out; the copies
    // have times that nobody waits for.
    for (let copy = 1; copy <= this.#look.decodeDelay; copy += 1) {
      this.#write(picture, picture.pts + copy);
    }
  }

  async whenReady(): Promise<void> {
    const { input, ended } = { input: this.#child.child.input, ended: this.#child.ended };
    if (!this.isFull) return;
    await Promise.race([new Promise((resolve) => input.once('drain', resolve)), ended]);
  }

  async finish(): Promise<void> {
    this.#closing = true;
    const end = await this.#child.finish();
    if (end.status !== 0 && this.#child.pictures === 0) {
      this.#failure = readFailure(`${this.#channel}: the decoder gave nothing`, end).error;
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#child.close();
  }

  #write({ bytes, keyFrame }: CodedPicture, pts: number): void {
    // In one piece: two, and a call to write both, cost more than to copy a packet.
    const header = nutFrameHeader(pts, keyFrame, bytes.length);
    this.#child.child.input.write(Buffer.concat([header, bytes]));
  }

  /** Those given before `order`, which stand first. */
  #forget(order: number): void {
    for (const [pts, waiting] of this.#underWay) {
      if (waiting.order >= order) return;
      this.#underWay.delete(pts);
    }
  }

  #pictureAt({ stream, pts }: NutFrame): CodedPicture | undefined {
    const key = rescale(pts, stream.timeBase, this.#look.timeBase);
    const found = this.#underWay.get(key);
    if (found === undefined) return undefined;
    this.#underWay.delete(key);
    this.#forget(found.order - MAX_OVERTAKEN);
    this.#delay.add(performance.now() - found.sinceMs);
    return found.picture.isShown ? undefined : found.picture;
  }
}
