/** A feed of packets: they go into their channel as they come, and are decoded as far as somebody wants frames. */
import { isDeepStrictEqual } from 'node:util';
import type { PacketCodec } from '../../format/index.js';
import type { CameraFailure, NutStream } from '../ffmpeg/index.js';
import {
  AccessUnits,
  readVp9KeyFrame,
  VIDEO_CODECS_OF_PACKETS,
  type VideoCodec,
  type VideoParameters,
} from '../packets/index.js';
import { assertChannelName, SluiceError } from '../../core/index.js';
import { BitRate } from './camera-stats.js';
import {
  type CodedPicture,
  codecOf,
  guessedParameters,
  type PictureLook,
} from './coded-picture.js';
import { DecodeLine, type Want } from './decode-line.js';
import { DecodeTimes } from './decode-times.js';
import type { Decoder } from './decoder.js';
import type { Feed, FeedEvents, PictureIds } from './feed.js';
import type { FrameOutput } from './frame-output.js';
import type { CameraInput } from './input.js';
import type { CameraOptions } from './options.js';
import { PacketOutput } from './packet-output.js';
import { lacksTimes, PacketSource } from './packet-source.js';
import { soundCodec, soundFacts } from './sound.js';
import type { SourcePacket } from './source-packet.js';
import type { Timeline } from './timeline.js';
import { PcmLine } from '../sound/index.js';

const DEFAULT_RING_BYTES = 8 << 20;
const SOUND_RING_BYTES = 1 << 20;
/** Of sound that comes before the first picture of a later connection, the newest: seconds. */
const MAX_UNPLACED = 256;

export interface FeedParts {
  readonly channel: string;
  readonly options: CameraOptions;
  readonly input: CameraInput;
  readonly output: FrameOutput;
  readonly timeline: Timeline;
  readonly ids: PictureIds;
  readonly events: FeedEvents;
  readonly ending: AbortSignal;
  /** Makes a decoder for pictures of a look, and says what it is. Throws when there is none. */
  readonly makeDecoder: (look: PictureLook) => Decoder;
}

export class PacketFeed implements Feed {
  codec = '';
  pictures = 0;
  readonly #parts: FeedParts;
  readonly #line: DecodeLine;
  readonly #pictures: PacketOutput;
  readonly #sound: PacketOutput;
  readonly #pcm: PcmLine;
  readonly #bitRate = new BitRate();
  #source: PacketSource | undefined;
  #video: NutStream | undefined;
  #audio: NutStream | undefined;
  #units: AccessUnits | undefined;
  /** Of VP9, which has no parameter sets: what its newest key frame says. */
  #keyFrame: VideoParameters | undefined;
  #times = new DecodeTimes(0);
  #look: PictureLook | undefined;
  /** Sound that came before the picture that says where its connection lies. */
  #unplaced: SourcePacket[] = [];
  /** Packets that came while their channels were being opened. */
  #early: (() => void)[] | undefined;
  /** The input gives pictures without a time. */
  #mendsTimes = false;
  /** Why the packets or the frames of this connection have no channel. */
  #broken: { readonly error: unknown } | undefined;
  #closed = false;

  constructor(parts: FeedParts) {
    const { channel, options, input, output, events, ending } = parts;
    this.#parts = parts;
    const flow = {
      waits: input.waits,
      hold: () => this.#source?.hold(),
      release: () => this.#source?.release(),
    };
    this.#line = new DecodeLine({
      output,
      ...flow,
      makeDecoder: parts.makeDecoder,
      onFailure: (error, isLast) => events.decoderFailed(error, isLast),
      onFormat: () => events.format(),
      onBroken: (error) => {
        this.#broken = { error };
        void this.#source?.close();
      },
    });
    const ringBytes = options.packetRingBytes ?? DEFAULT_RING_BYTES;
    this.#pictures = new PacketOutput(`${channel}/packets`, options, { ringBytes, flow, ending });
    const sound = { ringBytes: SOUND_RING_BYTES, flow, ending };
    this.#sound = new PacketOutput(`${channel}/audio`, options, sound);
    const onFailure = (error: SluiceError): void => events.soundFailed(error);
    // The longest of its names.
    assertChannelName(`${channel}/audio/pcm`);
    this.#pcm = new PcmLine(`${channel}/audio/pcm`, options, { flow, ending, onFailure });
  }

  set want(want: Want) {
    this.#line.want = want;
  }

  get decoder(): string {
    return this.#line.decoder === undefined ? '' : this.#line.decoder.name;
  }

  get decodeMs(): number {
    return this.#line.decoder?.delayMs ?? 0;
  }

  get bitsPerSecond(): number {
    return this.#bitRate.perSecond();
  }

  get passedOver(): number {
    return this.#line.passedOver + this.#pictures.dropped;
  }

  get packetsChannel(): string | undefined {
    return this.#pictures.isOpen ? this.#pictures.channel : undefined;
  }

  get audioChannel(): string | undefined {
    return this.#sound.isOpen ? this.#sound.channel : undefined;
  }

  get pcmChannel(): string | undefined {
    return this.#pcm.channel;
  }

  get processes(): Feed['processes'] {
    const { pid: sound } = this.#pcm;
    return { reader: this.#source?.pid, decoder: this.#line.decoder?.pid, sound };
  }

  async connect(): Promise<CameraFailure | undefined> {
    const failure = await this.#connectOnce();
    if (failure === undefined || this.#mendsTimes || !lacksTimes(failure)) return failure;
    this.#mendsTimes = true;
    return this.#connectOnce();
  }

  async #connectOnce(): Promise<CameraFailure | undefined> {
    const { channel, input, options, timeline } = this.#parts;
    timeline.reconnect();
    const wanted = {
      sound: (options.audio ?? 'packets') !== 'none',
      mendsTimes: this.#mendsTimes,
    };
    let opening: Promise<void> | undefined;
    const source = new PacketSource(channel, input, wanted, {
      opened: (video, sound) => {
        source.hold();
        this.#early = [];
        opening = this.#open(video, sound).then(
          () => source.release(),
          async (error: unknown) => {
            this.#broken = { error };
            await source.close();
          },
        );
      },
      picture: (packet) => this.#inOrder(() => this.#takePicture(packet)),
      sound: (packet) => this.#inOrder(() => this.#takeSound(packet)),
    });
    this.#source = source;
    if (this.#closed) await source.close();
    const failure = await source.ended;
    await opening;
    await Promise.all([this.#line.interrupt(), this.#pcm.interrupt()]);
    this.#source = undefined;
    const broken = this.#broken;
    this.#broken = undefined;
    if (broken !== undefined) throw broken.error;
    return failure;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#source?.close(), this.#line.close()]);
    await Promise.all([this.#pictures.close(), this.#sound.close(), this.#pcm.close()]);
  }

  async #open(video: NutStream, sound: NutStream | undefined): Promise<void> {
    this.#video = video;
    this.codec = codecOf(video.fourcc);
    this.#look = undefined;
    this.#times = new DecodeTimes(video.decodeDelay);
    this.#unplaced = [];
    this.#units = undefined;
    this.#keyFrame = undefined;
    if ((VIDEO_CODECS_OF_PACKETS as readonly string[]).includes(this.codec)) {
      const codec = this.codec as VideoCodec;
      this.#units = unitsOf(codec, video.extra, this.#parts.channel);
      const { numerator, denominator } = video.timeBase;
      const size = { width: video.width, height: video.height };
      await this.#pictures.begin(codec, { timeBase: [numerator, denominator], ...size });
    } else await this.#pictures.close();
    const codec: PacketCodec | undefined = sound && soundCodec(sound.fourcc);
    this.#audio = codec === undefined ? undefined : sound;
    if (sound !== undefined && codec !== undefined) {
      await this.#sound.begin(codec, soundFacts(sound));
    } else await this.#sound.close();
    await this.#pcm.begin(this.#audio);
    this.#parts.events.live(this.codec);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const take of early) take();
  }

  /** Until the channels are open what was read already waits; no more is read meanwhile. */
  #inOrder(take: () => void): void {
    if (this.#closed) return;
    if (this.#early === undefined) take();
    else this.#early.push(take);
  }

  #takePicture(packet: SourcePacket): void {
    const { timeline, ids } = this.#parts;
    const { timeBase } = this.#video as NutStream;
    const unit = this.#units?.take(packet.bytes, packet.keyFrame) ?? packet;
    const { captureTimeNs, pts } = packet;
    const ptsNs = timeline.place(pts, timeBase, captureTimeNs);
    for (const sound of this.#unplaced.splice(0)) this.#takeSound(sound);
    const dtsNs = timeline.placeBeside(this.#times.next(pts), timeBase) as number;
    const id = ids.next();
    this.pictures += 1;
    this.#bitRate.add(unit.bytes.length, captureTimeNs);
    const { keyFrame, bytes } = unit;
    this.#pictures.send(bytes, { id, ptsNs, dtsNs, captureTimeNs, keyFrame });
    if (this.codec === 'vp9' && keyFrame) this.#lookInto(bytes);
    const look = this.#lookNow();
    if (look === undefined) return;
    const picture: CodedPicture = {
      ...{ bytes, keyFrame, pts: packet.rawPts, ptsNs, captureTimeNs, id, look },
      ...{ discontinuity: false, isShown: false },
    };
    this.#line.push(picture);
  }

  #takeSound(packet: SourcePacket): void {
    const stream = this.#audio;
    if (stream === undefined) return;
    const { timeline, ids } = this.#parts;
    const { bytes, pts, rawPts, captureTimeNs } = packet;
    const ptsNs = timeline.placeBeside(pts, stream.timeBase);
    if (ptsNs === undefined) {
      this.#unplaced.push(packet);
      if (this.#unplaced.length > MAX_UNPLACED) this.#unplaced.shift();
      return;
    }
    const id = ids.next();
    this.#sound.send(bytes, { id, ptsNs, captureTimeNs, keyFrame: true });
    this.#pcm.take({ bytes, rawPts, pts, ptsNs, captureTimeNs, id });
  }

  /** The object stays the same while its words do. */
  #lookInto(keyFrame: Uint8Array): void {
    const found = readVp9KeyFrame(keyFrame);
    if (found !== undefined && !isDeepStrictEqual(found, this.#keyFrame)) this.#keyFrame = found;
  }

  /** The same object while nothing changes. Undefined before the parameter sets, or a key frame of VP9, have come. */
  #lookNow(): PictureLook | undefined {
    const video = this.#video as NutStream;
    const { width, height, timeBase, fourcc, extra, decodeDelay } = video;
    const known = this.#units?.parameters ?? this.#keyFrame;
    if (this.#look !== undefined && (known === undefined || this.#look.parameters === known)) {
      return this.#look;
    }
    const isStated = this.#units !== undefined || this.codec === 'vp9';
    if (isStated && known === undefined) return undefined;
    const parameters = known ?? guessedParameters(fourcc, width, height);
    const codec = codecOf(fourcc);
    this.#look = Object.freeze({ codec, parameters, timeBase, fourcc, extra, decodeDelay });
    return this.#look;
  }
}

function unitsOf(codec: VideoCodec, extra: Uint8Array, channel: string): AccessUnits {
  try {
    return new AccessUnits(codec, extra);
  } catch (cause) {
    throw new SluiceError('CAMERA_FORMAT', `${channel}: ${(cause as Error).message}`, { cause });
  }
}
