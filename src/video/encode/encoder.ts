/** Frames of one channel as packets of another, encoded by ffmpeg. */
import {
  type CloseReason,
  type Frame,
  type FrameSubscriber,
  openSubscriber,
} from '../../bus/index.js';
import {
  assertChannelName,
  assertInteger,
  assertKnownKeys,
  assertOneOf,
  isSluiceError,
  SluiceError,
} from '../../core/index.js';
import { describeFormat, video, type VideoFormat } from '../../format/index.js';
import type { CameraOptions } from '../camera/options.js';
import { checkPacketRing, PacketOutput } from '../camera/packet-output.js';
import { isShortage } from '../ffmpeg/index.js';
import { colorNumbersOf } from '../packets/index.js';
import { packetChannelOf } from '../packets/packet-channel.js';
import { EncodingChild, type EncodedPacket, RAW_FOURCC } from './encoding-child.js';

/** How to encode a channel. */
export interface EncoderOptions extends Pick<CameraOptions, 'allow' | 'directory' | 'label'> {
  /** Default 'h264'. */
  readonly codec?: 'h264' | 'hevc';
  /** 'software': libx264, libx265. 'nvenc': the encoder of an NVIDIA GPU, where ffmpeg has it. Default 'software'. */
  readonly encoder?: 'software' | 'nvenc';
  /** Default: what the encoder takes for good quality. */
  readonly bitsPerSecond?: number;
  /** Pictures from one key frame to the next. Default 50. */
  readonly keyFrameInterval?: number;
  /** Size of the ring of packets. Default 8 MiB. */
  readonly packetRingBytes?: number;
  /** Ends the wait for the channel, and later the encoder. */
  readonly signal?: AbortSignal;
}

/** A frozen snapshot, plain JSON. */
export interface EncoderStats {
  /** Frames received, and those passed over because encoding was behind. */
  readonly frames: number;
  readonly dropped: number;
  readonly packets: number;
  readonly bytes: number;
}

const KNOWN = [
  ...['codec', 'encoder', 'bitsPerSecond', 'keyFrameInterval', 'packetRingBytes', 'signal'],
  ...['allow', 'directory', 'label'],
];
const DEFAULT_RING_BYTES = 8 << 20;
const DEFAULT_KEY_FRAMES = 50;
/** An encoder that ends so often without a packet in between is not started again. */
const MAX_FAILURES = 3;
/** Packets that wait for their channel to be opened; while there are so many nothing is encoded. */
const MAX_EARLY = 64;
/** Pictures a second, until enough have come. */
const DEFAULT_RATE = 25;
const PACED_FRAMES = 10;
const MIN_RATE = 0.1;
const MAX_RATE = 1000;
/** Of the rate; starting again costs some pictures. */
const RATE_TOLERANCE = 0.05;

interface EarlyPacket extends EncodedPacket {
  readonly format: VideoFormat;
}

/** Encodes the newest frames of a channel. Whoever opened it closes it. */
export class Encoder implements AsyncDisposable {
  /** The channel of packets, with its `/packets`. */
  readonly channel: string;
  /** Resolves when it has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #options: EncoderOptions;
  readonly #subscriber: FrameSubscriber<VideoFormat>;
  readonly #output: PacketOutput;
  readonly #ending = new AbortController();
  #child: EncodingChild | undefined;
  #sending: Promise<void> | undefined;
  #early: EarlyPacket[] = [];
  /** Why there is no channel for the packets. */
  #broken: SluiceError | undefined;
  #failures = 0;
  /** Pictures a second by which an encoder divides its bits. */
  #rate = DEFAULT_RATE;
  #paced: { readonly firstNs: number; frames: number } | undefined;
  #stats = { frames: 0, dropped: 0, packets: 0, bytes: 0 };

  private constructor(
    channel: string,
    subscriber: FrameSubscriber<VideoFormat>,
    options: EncoderOptions,
  ) {
    this.channel = channel;
    this.#options = options;
    this.#subscriber = subscriber;
    const nothing = (): void => undefined;
    this.#output = new PacketOutput(
      channel,
      { label: 'sluice encode', ...options },
      {
        ringBytes: options.packetRingBytes ?? DEFAULT_RING_BYTES,
        flow: { waits: false, hold: nothing, release: nothing },
        ending: this.#ending.signal,
      },
    );
    this.closed = this.#live();
  }

  /** @internal */
  static async open(channel: string, source: string, options: EncoderOptions): Promise<Encoder> {
    assertKnownKeys('openEncoder()', options, KNOWN);
    assertChannelName(channel);
    assertChannelName(packetChannelOf(channel));
    checkPacketRing(options.packetRingBytes);
    const { codec, encoder, keyFrameInterval, bitsPerSecond, signal, directory, allow } = options;
    if (codec !== undefined) assertOneOf('codec', codec, ['h264', 'hevc']);
    if (encoder !== undefined) assertOneOf('encoder', encoder, ['software', 'nvenc']);
    if (keyFrameInterval !== undefined)
      assertInteger('keyFrameInterval', keyFrameInterval, 1, 10_000);
    if (bitsPerSecond !== undefined)
      assertInteger('bitsPerSecond', bitsPerSecond, 1000, 2 ** 31 - 1);
    const subscriber = await openSubscriber(source, {
      format: video(),
      copyTo: 'host',
      label: 'sluice encode',
      ...(signal === undefined ? {} : { signal }),
      ...(directory === undefined ? {} : { directory }),
      ...(allow === undefined ? {} : { allow }),
    });
    return new Encoder(
      packetChannelOf(channel),
      subscriber as FrameSubscriber<VideoFormat>,
      options,
    );
  }

  stats(): EncoderStats {
    return Object.freeze({ ...this.#stats });
  }

  /** Ends it and its channel. Idempotent. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#subscriber.close();
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #live(): Promise<CloseReason> {
    let reason: CloseReason;
    try {
      for await (const frame of this.#subscriber) await this.#take(frame);
      reason = await this.#subscriber.closed;
    } catch (error) {
      if (!isSluiceError(error)) throw error;
      await this.#subscriber.close();
      reason = { reason: 'failed', error };
    }
    await this.#child?.finish();
    await this.#sending;
    this.#ending.abort();
    await this.#output.close();
    return this.#broken === undefined ? reason : { reason: 'failed', error: this.#broken };
  }

  async #take(frame: Frame<VideoFormat>): Promise<void> {
    this.#stats.frames += 1;
    if (!(await this.#isReady(frame))) return;
    // Of those for whose channel there was no room.
    if (this.#early.length > 0) this.#send();
    if (this.#child?.failure !== undefined) this.#replaceFailed(this.#child.failure);
    if (this.#child !== undefined && this.#child.format !== frame.format) {
      await this.#child.finish();
      this.#child = undefined;
    }
    if (this.#options.bitsPerSecond !== undefined) await this.#reckon(frame.ptsNs);
    this.#child ??= this.#start(frame.format);
    if (this.#child.isBehind || this.#early.length >= MAX_EARLY) this.#stats.dropped += 1;
    else this.#child.encode(frame);
  }

  /** Once, after the first frames: an encoder that divides its bits by another rate than theirs is replaced. */
  async #reckon(ptsNs: number): Promise<void> {
    const paced = (this.#paced ??= { firstNs: ptsNs, frames: 0 });
    paced.frames += 1;
    if (paced.frames !== PACED_FRAMES + 1) return;
    const rate = (PACED_FRAMES * 1e9) / (ptsNs - paced.firstNs);
    const isLikely = rate >= MIN_RATE && rate <= MAX_RATE;
    if (!isLikely || Math.abs(rate / this.#rate - 1) < RATE_TOLERANCE) return;
    this.#rate = rate;
    await this.#child?.finish();
    this.#child = undefined;
  }

  /** Its data may land later than it is announced: that of a GPU, on its way to the host. */
  async #isReady(frame: Frame<VideoFormat>): Promise<boolean> {
    try {
      await frame.ready({ signal: this.#ending.signal });
      return true;
    } catch (error) {
      if (this.#ending.signal.aborted) return false;
      if (isSluiceError(error, 'FRAME_LOST') || isSluiceError(error, 'CLOSED')) return false;
      throw error;
    }
  }

  #start(format: VideoFormat): EncodingChild {
    const attempt = `${this.channel}: cannot encode ${describeFormat(format)}`;
    if (RAW_FOURCC[format.pixelFormat] === undefined) {
      const only = Object.keys(RAW_FOURCC).join(', ');
      throw new SluiceError('FORMAT_MISMATCH', `${attempt}, only ${only}`);
    }
    if (format.width % 2 !== 0 || format.height % 2 !== 0) {
      throw new SluiceError('FORMAT_MISMATCH', `${attempt}, only even sizes; a filter makes one`);
    }
    const { codec = 'h264' } = this.#options;
    const words = encoderArguments(this.#options, this.#rate, format);
    return new EncodingChild(this.channel, format, codec, words, (packet) => {
      this.#failures = 0;
      this.#give(packet, format);
    });
  }

  #replaceFailed(failure: SluiceError): void {
    this.#child = undefined;
    // What is short comes back: the next frame tries again.
    if (!isShortage(failure)) this.#failures += 1;
    if (this.#failures >= MAX_FAILURES) throw failure;
  }

  #give(packet: EncodedPacket, format: VideoFormat): void {
    if (this.#broken !== undefined) return;
    this.#early.push({ ...packet, format });
    this.#send();
  }

  #send(): void {
    this.#sending ??= this.#sendEarly();
  }

  /** In order, each when its channel is open: there is another one for another size. */
  async #sendEarly(): Promise<void> {
    const { codec = 'h264' } = this.#options;
    try {
      for (let next = this.#early[0]; next !== undefined; next = this.#early[0]) {
        const { width, height } = next.format;
        await this.#output.begin(codec, { timeBase: [1, 1_000_000], width, height });
        this.#early.shift();
        const { bytes, keyFrame, from } = next;
        this.#stats.packets += 1;
        this.#stats.bytes += bytes.length;
        this.#output.send(bytes, { ...from, keyFrame, dtsNs: from.ptsNs });
      }
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      if (!isShortage(error)) this.#break(error);
    }
    // In the same turn as the last look at what waits.
    this.#sending = undefined;
  }

  #break(error: SluiceError): void {
    this.#broken = error;
    this.#early = [];
    void this.#subscriber.close();
  }
}

/** Without reordered pictures, so that each comes out at once. */
function encoderArguments(
  {
    codec = 'h264',
    encoder = 'software',
    bitsPerSecond,
    keyFrameInterval = DEFAULT_KEY_FRAMES,
  }: EncoderOptions,
  picturesPerSecond: number,
  format: VideoFormat,
): string[] {
  const rate = bitsPerSecond === undefined ? [] : ['-b:v', String(bitsPerSecond)];
  const group = ['-g', String(keyFrameInterval), '-bf', '0'];
  const states = statement(format);
  if (encoder === 'nvenc') {
    const speed = ['-preset', 'p4', '-tune', 'll'];
    return ['-vf', states, '-c:v', `${codec}_nvenc`, ...speed, ...group, ...rate];
  }
  // Before the statement: ffmpeg would convert what it knows to be of full range.
  const planar = format.pixelFormat === 'p010' ? 'yuv420p10le' : 'yuv420p';
  const pictures = ['-vf', `format=${planar},${states}`];
  // Where they are not told encoders take the time base for the rate, and leave a picture some millionth of a second's
  // bits. To go by the times they would wait for the next one.
  const reckoned = `fps=${picturesPerSecond.toFixed(3)}`;
  if (codec === 'h264') {
    const speed = ['-preset', 'veryfast', '-tune', 'zerolatency'];
    const parameters = ['-x264-params', reckoned];
    return [...pictures, '-c:v', 'libx264', ...speed, ...parameters, ...group, ...rate];
  }
  const parameters = `log-level=error:bframes=0:keyint=${keyFrameInterval}:${reckoned}`;
  const speed = ['-preset', 'superfast', '-tune', 'zerolatency', '-x265-params', parameters];
  return [...pictures, '-c:v', 'libx265', ...speed, ...rate];
}

/** What the numbers of the pictures mean, for the stream to state. ffmpeg does not know all names of channels. */
function statement({ color }: VideoFormat): string {
  if (color === undefined) return 'null';
  const { primaries, transfer, matrix } = colorNumbersOf(color);
  const numbers = `color_primaries=${primaries}:color_trc=${transfer}:colorspace=${matrix}`;
  return `setparams=range=${color.range}:${numbers}`;
}

/**
 * Encodes the frames of `source` into the packets of `channel` (`wall` and `wall/packets` both mean the latter): the
 * newest ones, as fast as encoding goes, each packet under the id of its frame. Rejects as `openSubscriber` does; without
 * ffmpeg `closed` tells UNSUPPORTED.
 *
 * @example
 * await using encoder = await openEncoder('wall', 'wall', { bitsPerSecond: 4_000_000 });
 */
export function openEncoder(
  channel: string,
  source: string,
  options: EncoderOptions = {},
): Promise<Encoder> {
  return Encoder.open(channel, source, options);
}
