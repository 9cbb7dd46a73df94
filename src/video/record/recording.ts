/** Packets of a channel into files, as they were encoded. */
import { assertChannelName, isSluiceError, SluiceError } from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { type PacketFormat, packets } from '../../format/index.js';
import {
  type CloseReason,
  type Message,
  type MessageSubscriber,
  openSubscriber,
} from '../../bus/index.js';
import { listManifests } from '../../bus/directory/discovery.js';
import { packetChannelOf, soundChannelOf } from '../packets/packet-channel.js';
import { checkRecordOptions, type RecordingType, type RecordOptions } from './options.js';
import { PacketClock } from './packet-clock.js';
import { deleteOldSegments, segmentPath } from './segments.js';
import { SegmentWriter } from './segment-writer.js';
import { packetFacts, type SoundStream } from './stream-headers.js';

/** What a recording has done so far. Plain JSON. */
export interface RecordingStats {
  /** Files begun. */
  readonly files: number;
  /** The newest of them; empty before the first key frame. */
  readonly file: string;
  /** Packets of pictures written. */
  readonly packets: number;
  /** Packets of sound written. */
  readonly soundPackets: number;
  /** Packets that were missed because the disk, or this process, was too slow. */
  readonly lost: number;
  /** Packets that were there and not written, because no key frame stood before them. */
  readonly passedOver: number;
  /** Bytes of all files. */
  readonly bytes: number;
}

type Packet = Message<PacketFormat>;
type Codec = 'h264' | 'hevc' | 'av1';

/** A recording under way. Whoever opened it closes it: what came until then is in the file, which is complete then. */
export class Recording implements AsyncDisposable {
  readonly channel: string;
  /** Resolves when it has ended and its file is complete; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #options: RecordOptions;
  readonly #type: RecordingType;
  readonly #abort = new AbortController();
  readonly #clock = new PacketClock();
  #reason: CloseReason | undefined;
  #writer: SegmentWriter | undefined;
  #sound: SoundStream | undefined;
  #segmentStartedNs = 0;
  readonly #startNs: number;
  #counts = { files: 0, file: '', packets: 0, soundPackets: 0, lost: 0, passedOver: 0, bytes: 0 };
  /** Something is missing before the next key frame. */
  #gap = false;
  /** What the present subscriber has counted already. */
  #lostBefore = 0;

  /** @internal Use `openRecording()`. */
  constructor(channel: string, type: RecordingType, options: RecordOptions) {
    this.channel = channel;
    this.#type = type;
    this.#options = options;
    this.#startNs = monotonicNs() - (options.preRollSeconds ?? 0) * 1e9;
    this.closed = this.#record();
  }

  stats(): RecordingStats {
    const writing = this.#writer?.writtenBytes ?? 0;
    return Object.freeze({ ...this.#counts, bytes: this.#counts.bytes + writing });
  }

  /** Ends it; resolves when the file is complete. Idempotent. */
  async close(): Promise<void> {
    this.end({ reason: 'closed' });
    await this.closed;
  }

  /** @internal */
  end(reason: CloseReason): void {
    this.#reason ??= reason;
    this.#abort.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #record(): Promise<CloseReason> {
    const { signal } = this.#abort;
    try {
      do {
        await this.#recordPublisher(signal);
        await this.#finishSegment();
      } while (!signal.aborted && this.#options.segmentSeconds !== undefined);
    } catch (error) {
      if (!signal.aborted || isSluiceError(error)) await this.#fail(error);
    }
    this.#abort.abort();
    return this.#reason ?? { reason: 'ended' };
  }

  async #fail(error: unknown): Promise<void> {
    if (!(error instanceof SluiceError)) throw error;
    this.#reason = { reason: 'failed', error };
    await this.#finishSegment().catch(() => undefined);
  }

  /** Until the publisher ends, or the recording. */
  async #recordPublisher(signal: AbortSignal): Promise<void> {
    const past = this.#options.preRollSeconds !== undefined && this.#counts.files === 0;
    const subscriber = await this.#subscribe(packetChannelOf(this.channel), past, signal);
    const ended = new AbortController();
    this.#sound = this.#soundNow();
    const sound = this.#sound === undefined ? undefined : this.#recordSound(past, ended.signal);
    this.#lostBefore = 0;
    try {
      await this.#recordPictures(subscriber, past, signal);
    } finally {
      ended.abort();
      await sound;
      await subscriber.close();
    }
  }

  #subscribe(
    channel: string,
    past: boolean,
    signal: AbortSignal,
  ): Promise<MessageSubscriber<PacketFormat>> {
    const { directory, label = 'record' } = this.#options;
    return openSubscriber(channel, {
      format: packets(),
      start: past ? 'oldest' : 'newest',
      whenLost: 'end',
      label,
      signal,
      ...(directory === undefined ? {} : { directory }),
    });
  }

  async #recordPictures(
    subscriber: MessageSubscriber<PacketFormat>,
    past: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (past)
      for (const packet of this.#ofThePast(subscriber)) await this.#take(subscriber, packet);
    for (;;) {
      const packet = await next(subscriber, signal);
      if (packet === undefined) return;
      await this.#take(subscriber, packet);
    }
  }

  /** What the ring holds, from the last key frame before the wanted time on; all of it when that is too long ago. */
  #ofThePast(subscriber: MessageSubscriber<PacketFormat>): readonly Packet[] {
    const found: Packet[] = [];
    for (;;) {
      const packet = subscriber.tryReceive();
      if (packet === undefined) break;
      found.push(packet);
    }
    const isKey = ({ packet }: Packet): boolean => packet?.keyFrame === true;
    const last = found.findLastIndex((packet) => isKey(packet) && packet.timeNs <= this.#startNs);
    return found.slice(last >= 0 ? last : Math.max(0, found.findIndex(isKey)));
  }

  async #take(subscriber: MessageSubscriber<PacketFormat>, message: Packet): Promise<void> {
    const { lost } = subscriber.stats();
    const missed = lost - this.#lostBefore;
    this.#counts.lost += missed;
    this.#lostBefore = lost;
    const { ptsNs = 0, dtsNs = 0, keyFrame = false } = message.packet ?? {};
    // After a gap nothing can be decoded until the next key frame.
    if (!keyFrame && (this.#gap || missed > 0 || this.#writer === undefined)) {
      this.#gap = true;
      this.#counts.passedOver += 1;
      return;
    }
    this.#gap = false;
    if (keyFrame && this.#isSegmentOver(message.timeNs)) await this.#finishSegment();
    const writer = (this.#writer ??= await this.#startSegment(subscriber, message.timeNs));
    if (writer.failed) await writer.done;
    const origin = this.#clock.origin(dtsNs);
    const bytes = message.value;
    await writer.picture({ bytes, ptsNs: ptsNs - origin, dtsNs: dtsNs - origin, keyFrame });
    this.#counts.packets += 1;
  }

  #isSegmentOver(timeNs: number): boolean {
    const { segmentSeconds } = this.#options;
    if (this.#writer === undefined || segmentSeconds === undefined) return false;
    return timeNs - this.#segmentStartedNs >= segmentSeconds * 1e9;
  }

  async #startSegment(
    subscriber: MessageSubscriber<PacketFormat>,
    timeNs: number,
  ): Promise<SegmentWriter> {
    const { file, segmentSeconds, keepSeconds, maxBytes } = this.#options;
    const { format, userData } = subscriber.manifest;
    const { codec } = format as PacketFormat;
    if (codec !== 'h264' && codec !== 'hevc' && codec !== 'av1') {
      throw new SluiceError(
        'FORMAT_MISMATCH',
        `${subscriber.channel} carries ${codec}: no pictures`,
      );
    }
    const now = new Date();
    const path = segmentSeconds === undefined ? file : segmentPath(file, now);
    const { width, height } = packetFacts(userData);
    const streams = { codec: codec as Codec, width, height, sound: this.#sound };
    const writer = await SegmentWriter.open(path, this.#type, streams);
    if (segmentSeconds !== undefined) deleteOldSegments(file, { keepSeconds, maxBytes }, now);
    this.#clock.restart();
    this.#segmentStartedNs = timeNs;
    this.#counts.files += 1;
    this.#counts.file = path;
    return writer;
  }

  async #finishSegment(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer === undefined) return;
    try {
      await writer.end();
    } finally {
      this.#counts.bytes += writer.writtenBytes;
    }
  }

  /** Sound that is announced beside the pictures when a publisher begins. */
  #soundNow(): SoundStream | undefined {
    const { directory } = this.#options;
    const channel = soundChannelOf(this.channel);
    const place = directory === undefined ? {} : { directory };
    const [manifest] = listManifests(channel, place);
    if (manifest?.format.kind !== 'packet') return undefined;
    const facts = packetFacts(manifest.userData);
    if (facts.sampleRateHz === 0 || facts.channels === 0) return undefined;
    return { codec: manifest.format.codec, ...facts };
  }

  /** Beside the pictures: what comes while a file is open goes into it. */
  async #recordSound(past: boolean, signal: AbortSignal): Promise<void> {
    try {
      const subscriber = await this.#subscribe(soundChannelOf(this.channel), past, signal);
      try {
        for (;;) {
          const packet = await next(subscriber, signal);
          if (packet === undefined) return;
          await this.#takeSound(packet);
        }
      } finally {
        await subscriber.close();
      }
    } catch (error) {
      if (!signal.aborted && !isSluiceError(error)) throw error;
    }
  }

  async #takeSound({ value, packet, timeNs }: Packet): Promise<void> {
    const origin = this.#clock.currentOriginNs;
    const writer = this.#writer;
    if (origin === undefined || writer === undefined || timeNs < this.#segmentStartedNs) return;
    const ptsNs = (packet?.ptsNs ?? 0) - origin;
    if (ptsNs < 0) return;
    await writer.sound({ bytes: value, ptsNs, dtsNs: ptsNs, keyFrame: true });
    this.#counts.soundPackets += 1;
  }
}

/** Undefined when the publisher has ended and everything was read, and when the signal says so. */
async function next(
  subscriber: MessageSubscriber<PacketFormat>,
  signal: AbortSignal,
): Promise<Packet | undefined> {
  try {
    return await subscriber.receive({ signal });
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!isSluiceError(error, 'CLOSED')) throw error;
    const end = await subscriber.closed;
    if (end.error !== undefined) throw end.error;
    return undefined;
  }
}

/**
 * Records the packets beside a channel (`CHANNEL/packets`, and the sound in `CHANNEL/audio`) without encoding them again,
 * beginning with a key frame. The channel may come later. Without segments the recording ends with the publisher; with
 * them it goes on with the next one.
 *
 * Needs `ffmpeg`. Rejects with `TypeError`/`RangeError` for bad arguments and the signal's reason. What goes wrong later,
 * such as a full disk, ends the recording, and `closed` tells; what was recorded before stays readable.
 */
export async function openRecording(channel: string, options: RecordOptions): Promise<Recording> {
  assertChannelName(channel);
  const type = checkRecordOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const recording = new Recording(channel, type, options);
  const abort = (): void => recording.end({ reason: 'aborted' });
  signal?.addEventListener('abort', abort, { once: true });
  void recording.closed.then(() => signal?.removeEventListener('abort', abort));
  return recording;
}
