/**
 * What lies between the packets of a camera and its frames: which pictures are decoded, by which decoder, and when.
 *
 * ```text
 * push() ─▶ queue ─▶ (is it wanted?) ─▶ decoder ─▶ frame channel
 *              └──▶ pictures since the last key frame: where a decoder that starts later begins
 * ```
 *
 * One loop empties the queue, so a change of format is a step in order: the decoder of the old one gives all it has,
 * then the channel changes, then the next decoder starts, while the queue, which is bounded, fills. `want` may change
 * at any time; the loop looks at it before each picture. Where the input is live a queue that is full is emptied, and
 * decoding goes on at the next key frame; where it waits, the source is held until half of it is gone.
 */
import { isDeepStrictEqual } from 'node:util';
import type { SluiceError } from '../../core/index.js';
import { isShortage } from '../ffmpeg/index.js';
import type { CodedPicture, PictureLook } from './coded-picture.js';
import type { Decoder } from './decoder.js';
import { type FrameOutput, frameFormat } from './frame-output.js';
import { GroupOfPictures } from './group-of-pictures.js';

/** Which pictures are decoded. */
export type Want = 'none' | 'key' | 'all';

const MAX_QUEUED = 256;
const HOLD_AT = 32;
/** A decoder that fails this often without a picture in between is not started again, unless it lacked room to start. */
const MAX_FAILURES = 4;

export interface DecodeLineOptions {
  readonly output: FrameOutput;
  /** Makes a decoder for pictures of a look. Throws when there is none. */
  readonly makeDecoder: (look: PictureLook) => Decoder;
  /** The input can be held up: nothing is passed over. */
  readonly waits: boolean;
  readonly hold: () => void;
  readonly release: () => void;
  /** Decoding goes on without the pictures of a decoder that failed, or ends when it fails each time. */
  readonly onFailure: (error: SluiceError, isLast: boolean) => void;
  /** The frame channel has its first format, or another one. */
  readonly onFormat: () => void;
  /** The frame channel cannot be opened, or not in the next format: nothing more is taken until `interrupt()`. */
  readonly onBroken: (error: unknown) => void;
}

export class DecodeLine {
  /** Pictures that nobody got because decoding could not keep up. */
  passedOver = 0;
  readonly #options: DecodeLineOptions;
  readonly #group = new GroupOfPictures();
  #queue: CodedPicture[] = [];
  #want: Want = 'none';
  #decoder: Decoder | undefined;
  /** Gives its last pictures. */
  #finishing: Decoder | undefined;
  #look: PictureLook | undefined;
  /** The decoder has had every picture since a key frame. */
  #isFollowing = false;
  #hasShown = false;
  #failures = 0;
  #holds = false;
  /** Being dealt with: neither in the queue nor yet among those since the last key frame. */
  #current: CodedPicture | undefined;
  #isBroken = false;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: DecodeLineOptions) {
    this.#options = options;
  }

  get decoder(): Decoder | undefined {
    return this.#decoder;
  }

  /** What is decoded from now on. What a decoder needs that starts now, it gets from the pictures before. */
  set want(want: Want) {
    const before = this.#want;
    if (want === before) return;
    this.#want = want;
    if (want === 'none' || this.#closed) {
      this.#isFollowing = false;
      this.#run();
      return;
    }
    if (want === 'all' || before === 'none') this.#replay(want);
    this.#run();
  }

  push(picture: CodedPicture): void {
    if (this.#closed || this.#isBroken) return;
    if (this.#queue.length >= MAX_QUEUED && !this.#options.waits) {
      this.passedOver += this.#queue.length;
      for (const queued of this.#queue) this.#group.add(queued);
      this.#queue = [];
      this.#isFollowing = false;
    }
    this.#queue.push(picture);
    if (this.#options.waits && this.#queue.length >= HOLD_AT && !this.#holds) {
      this.#holds = true;
      this.#options.hold();
    }
    this.#run();
  }

  /** The connection is lost: what follows begins with a key frame. What was received is still decoded. */
  async interrupt(): Promise<void> {
    await this.#running;
    await this.#finishDecoder();
    this.#group.clear();
    this.#isFollowing = false;
    this.#isBroken = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue = [];
    const decoder = this.#decoder;
    this.#decoder = undefined;
    await Promise.all([decoder?.close(), this.#finishing?.close()]);
    await this.#running;
  }

  #run(): void {
    this.#running ??= this.#work()
      .catch((error: unknown) => this.#break(error))
      .finally(() => {
        this.#running = undefined;
        // What came between the loop's last look and here.
        if (!this.#closed && this.#queue.length > 0) this.#run();
      });
  }

  #break(error: unknown): void {
    this.#isBroken = true;
    this.#queue = [];
    this.#current = undefined;
    // The next connection tries again to open the channel.
    this.#look = undefined;
    this.#options.onBroken(error);
  }

  async #work(): Promise<void> {
    // The caller may still be in the middle of something: nothing is decoded under its feet.
    await Promise.resolve();
    if (this.#want === 'none' && this.#decoder !== undefined) await this.#dropDecoder();
    for (;;) {
      const picture = this.#queue.shift();
      if (picture === undefined || this.#closed) return;
      this.#current = picture;
      await this.#take(picture);
      if (this.#isCurrent(picture)) this.#group.add(picture);
      this.#current = undefined;
      if (this.#want === 'none' && this.#decoder !== undefined) await this.#dropDecoder();
      if (this.#holds && this.#queue.length <= HOLD_AT / 2) {
        this.#holds = false;
        this.#options.release();
      }
    }
  }

  async #take(picture: CodedPicture): Promise<void> {
    if (!isDeepStrictEqual(picture.look, this.#look)) {
      if (this.#look !== undefined && !picture.keyFrame) {
        this.#isFollowing = false;
        return;
      }
      await this.#change(picture.look);
    }
    if (this.#decoder?.failure !== undefined) await this.#replaceFailed(this.#decoder.failure);
    const want = this.#want;
    if (want === 'none' || this.#closed || !this.#isCurrent(picture)) return;
    if (!picture.keyFrame && (want === 'key' || !this.#isFollowing)) {
      if (want === 'all') this.passedOver += 1;
      return;
    }
    if (!this.#isFollowing) {
      picture.discontinuity = this.#hasShown;
      this.#hasShown = true;
      this.#isFollowing = true;
    }
    picture.isShown = picture.ptsNs <= this.#options.output.lastPtsNs;
    this.#decoder ??= this.#start(picture.look);
    const decoder = this.#decoder;
    decoder?.decode(picture, want === 'key');
    if (decoder?.isFull !== true) return;
    if (this.#options.waits) await decoder.whenReady();
    else this.#isFollowing = false;
  }

  /** Not, when `#replay()` has put it back into the queue meanwhile. */
  #isCurrent(picture: CodedPicture): boolean {
    return this.#current === picture;
  }

  /** Pictures of another size or codec follow. */
  async #change(look: PictureLook): Promise<void> {
    await this.#finishDecoder();
    if (this.#closed) return;
    this.#look = look;
    this.#isFollowing = false;
    this.#group.clear();
    await this.#options.output.begin(frameFormat(look.parameters));
    this.#options.onFormat();
  }

  #start(look: PictureLook): Decoder | undefined {
    try {
      return this.#options.makeDecoder(look);
    } catch (error) {
      this.#want = 'none';
      this.#options.onFailure(error as SluiceError, true);
      return undefined;
    }
  }

  /** `want` says less than before, or nothing: what the decoder still has is not waited for. */
  async #dropDecoder(): Promise<void> {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    this.#isFollowing = false;
    await decoder?.close();
  }

  async #finishDecoder(): Promise<void> {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    if (decoder === undefined || this.#closed) return;
    this.#finishing = decoder;
    await decoder.finish();
    this.#finishing = undefined;
    if (decoder.failure !== undefined) this.#options.onFailure(decoder.failure, false);
  }

  async #replaceFailed(error: SluiceError): Promise<void> {
    const hadPictures = this.#decoder?.delayMs !== undefined;
    await this.#dropDecoder();
    const count = isShortage(error) ? 0 : 1;
    this.#failures = hadPictures ? count : this.#failures + count;
    const isLast = this.#failures >= MAX_FAILURES;
    if (isLast) this.#want = 'none';
    this.#options.onFailure(error, isLast);
  }

  /** Begins again at the last key frame: its pictures stand before those in the queue. */
  #replay(want: Want): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    void decoder?.close();
    if (this.#current !== undefined) this.#group.add(this.#current);
    this.#current = undefined;
    const group = this.#group.pictures;
    this.#isFollowing = false;
    this.#queue = [...(want === 'key' ? group.slice(0, 1) : group), ...this.#queue];
    this.#group.clear();
  }
}
