/** Packets of a channel into files, as they were encoded. */
import type { CloseReason } from '../../bus/index.js';
import { assertChannelName, SluiceError } from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import type { PacketFormat } from '../../format/index.js';
import { openPackets, type Packet, packetFacts, type PacketReader } from '../packets/index.js';
import { packetChannelOf } from '../packets/packet-channel.js';
import { nextPacket } from '../packets/next-packet.js';
import { Ending } from './ending.js';
import { refuseExisting } from './recording-file.js';
import { checkRecordOptions, type RecordingType, type RecordOptions } from './options.js';
import { SegmentSeries } from './segment-series.js';
import { SoundTrack } from './sound-track.js';

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

/** Sound may come so much before the picture that it belongs to. */
const SOUND_LEAD_NS = 2e9;

/** A recording under way. Whoever opened it closes it: what came until then is in the file, which is complete then. */
export class Recording implements AsyncDisposable {
  readonly channel: string;
  /** Resolves when it has ended and its file is complete; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #options: RecordOptions;
  readonly #ending: Ending;
  readonly #series: SegmentSeries;
  #sound: SoundTrack | undefined;
  /** Where the next publisher is read from. */
  #from: 'next' | number;
  #packets = 0;
  #soundPackets = 0;
  /** Of the publishers before. */
  #missed = { lost: 0, passedOver: 0 };
  #reader: PacketReader | undefined;

  /** @internal Use `openRecording()`. */
  constructor(channel: string, type: RecordingType, options: RecordOptions) {
    this.channel = channel;
    this.#options = options;
    this.#series = new SegmentSeries(type, options);
    const { preRollSeconds } = options;
    this.#from = preRollSeconds === undefined ? 'next' : monotonicNs() - preRollSeconds * 1e9;
    this.#ending = new Ending(options.signal);
    this.closed = this.#ending.of(() => this.#record());
  }

  stats(): RecordingStats {
    const { lost, passedOver } = this.#reader?.missed ?? { lost: 0, passedOver: 0 };
    return Object.freeze({
      ...this.#series.stats(),
      packets: this.#packets,
      soundPackets: this.#soundPackets,
      lost: this.#missed.lost + lost,
      passedOver: this.#missed.passedOver + passedOver,
    });
  }

  /** Ends it; resolves when the file is complete. Idempotent. */
  async close(): Promise<void> {
    this.#ending.end({ reason: 'closed' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #record(): Promise<void> {
    const { signal } = this.#ending;
    try {
      do await this.#recordPublisher(signal);
      while (!signal.aborted && this.#options.segmentSeconds !== undefined);
    } catch (error) {
      // What there is of the files is kept; why they are no longer is told already.
      await this.#series.end().catch(() => undefined);
      throw error;
    }
  }

  /** Until the publisher ends, or the recording. */
  async #recordPublisher(signal: AbortSignal): Promise<void> {
    const { directory, label = 'record' } = this.#options;
    const reader = await openPackets(packetChannelOf(this.channel), {
      ...{ start: this.#from, whenLost: 'end', label, signal },
      ...(directory === undefined ? {} : { directory }),
    });
    this.#reader = reader;
    try {
      for (;;) {
        const packet = await nextPacket(reader, signal);
        if (packet === undefined) break;
        await this.#take(reader, packet);
      }
      await this.#endSound();
      await this.#series.end();
    } finally {
      await this.#leave(reader);
    }
  }

  /** The next publisher has nothing that was recorded: it is read from its oldest packet on. */
  async #leave(reader: PacketReader): Promise<void> {
    const { lost, passedOver } = reader.missed;
    this.#missed.lost += lost;
    this.#missed.passedOver += passedOver;
    this.#reader = undefined;
    this.#from = monotonicNs();
    await this.#endSound();
    await reader.close();
  }

  async #endSound(): Promise<void> {
    const sound = this.#sound;
    this.#sound = undefined;
    await sound?.end();
  }

  /** Packets begin with a key frame, and go on with one after a hole. */
  async #take(reader: PacketReader, packet: Packet): Promise<void> {
    if (packet.keyFrame && this.#series.beginsWith(packet)) await this.#begin(reader, packet);
    await this.#series.picture(packet);
    this.#packets += 1;
  }

  /** A file begins. Sound that is announced by now goes into it. */
  async #begin(reader: PacketReader, packet: Packet): Promise<void> {
    const { format, userData } = reader.manifest;
    const { codec } = format as PacketFormat;
    if (codec !== 'h264' && codec !== 'hevc' && codec !== 'av1') {
      throw new SluiceError('FORMAT_MISMATCH', `${reader.channel} carries ${codec}: no pictures`);
    }
    if (this.#sound?.hasEnded === true) await this.#endSound();
    const isNew = this.#sound === undefined;
    const fromNs = packet.timeNs - SOUND_LEAD_NS;
    this.#sound ??= await SoundTrack.open(this.channel, fromNs, this.#options, async (sound) => {
      if (sound.timeNs >= fromNs && (await this.#series.sound(sound))) {
        this.#soundPackets += 1;
      }
    });
    const { width, height } = packetFacts(userData);
    await this.#series.begin(packet, { codec, width, height, sound: this.#sound?.stream });
    if (isNew) this.#sound?.start();
  }
}

/**
 * Records the packets beside a channel (`CHANNEL/packets`, and the sound in `CHANNEL/audio`) without encoding them again,
 * beginning with a key frame. The channel may come later. Without segments the recording ends with the publisher; with
 * them it goes on with the next one.
 *
 * Needs `ffmpeg`. Rejects with `TypeError`/`RangeError` for bad arguments, `SYSTEM` for a file that exists, and the
 * signal's reason. What goes wrong later, such as a full disk, ends the recording, and `closed` tells; what was recorded
 * before stays readable.
 */
export async function openRecording(channel: string, options: RecordOptions): Promise<Recording> {
  assertChannelName(channel);
  const type = checkRecordOptions(options);
  const { file, segmentSeconds, overwrite = false } = options;
  if (segmentSeconds === undefined && !overwrite) refuseExisting(file);
  return new Recording(channel, type, options);
}
