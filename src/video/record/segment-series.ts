/**
 * The files of a recording, one after the other. Two of them can be open for a while: sound comes a little later than
 * the pictures it belongs to, so that a file is ended when sound of the next one has come.
 *
 * ```text
 * pictures  … ──── file 1 ────│K──── file 2 ────        K: the key frame that begins a file
 * sound     … ──── file 1 ──────│── file 2 ─────        goes where its time says
 * ```
 */
import type { Packet } from '../packets/index.js';
import type { RecordingType, RecordOptions } from './options.js';
import { PacketClock } from './packet-clock.js';
import { deleteOldSegments, segmentPath } from './segments.js';
import { SegmentWriter, type SegmentStreams } from './segment-writer.js';

/** Sound that is later than this is waited for no more. */
const MAX_SOUND_DELAY_NS = 5e9;

interface OpenFile {
  readonly writer: SegmentWriter;
  readonly clock: PacketClock;
  readonly hasSound: boolean;
  /** Of its first picture. */
  readonly startNs: number;
  readonly startPtsNs: number;
  lastSoundNs: number;
}

export class SegmentSeries {
  readonly #type: RecordingType;
  readonly #options: RecordOptions;
  #files = 0;
  #file = '';
  #endedBytes = 0;
  /** All that are not complete. */
  readonly #open = new Set<OpenFile>();
  #current: OpenFile | undefined;
  #previous: OpenFile | undefined;
  /** The end of the file before, under way. */
  #ending: Promise<void> = Promise.resolve();
  /** A file begins: until then it is open where sound goes. */
  #beginning: Promise<void> = Promise.resolve();

  constructor(type: RecordingType, options: RecordOptions) {
    this.#type = type;
    this.#options = options;
  }

  stats(): { readonly files: number; readonly file: string; readonly bytes: number } {
    let bytes = this.#endedBytes;
    for (const { writer } of this.#open) bytes += writer.writtenBytes;
    return { files: this.#files, file: this.#file, bytes };
  }

  /** Whether this key frame is the first of a file. */
  beginsWith({ timeNs }: Packet): boolean {
    const { segmentSeconds = Infinity } = this.#options;
    const started = this.#current?.startNs;
    return started === undefined || timeNs - started >= segmentSeconds * 1e9;
  }

  /** Rejects with SYSTEM when the file cannot be made, and when the one before could not be ended. */
  begin(packet: Packet, streams: SegmentStreams): Promise<void> {
    const beginning = this.#begin(packet, streams);
    this.#beginning = beginning.catch(() => undefined);
    return beginning;
  }

  /** Resolves when the packet is on its way. Rejects with what ended the file. */
  async picture({ bytes, ptsNs, dtsNs, keyFrame, timeNs }: Packet): Promise<void> {
    const file = this.#current;
    if (file === undefined) return;
    if (file.writer.failed) await file.writer.done;
    if (timeNs - file.startNs > MAX_SOUND_DELAY_NS) await this.#endPrevious();
    const origin = file.clock.origin(dtsNs);
    await file.writer.picture({ bytes, ptsNs: ptsNs - origin, dtsNs: dtsNs - origin, keyFrame });
  }

  /** Whether it is in a file. */
  async sound({ bytes, ptsNs }: Packet): Promise<boolean> {
    await this.#beginning;
    const current = this.#current;
    if (current === undefined) return false;
    const isOfPrevious = this.#previous !== undefined && ptsNs < current.startPtsNs;
    if (this.#previous !== undefined && !isOfPrevious) {
      this.#ending = this.#endPrevious();
      // It is told when the next file begins, or the last one ends.
      this.#ending.catch(() => undefined);
    }
    const file = isOfPrevious ? this.#previous : current;
    const origin = file?.clock.currentOriginNs;
    if (file?.hasSound !== true || origin === undefined) return false;
    const ownNs = ptsNs - origin;
    if (ownNs < 0 || ownNs <= file.lastSoundNs) return false;
    file.lastSoundNs = ownNs;
    await file.writer.sound({ bytes, ptsNs: ownNs, dtsNs: ownNs, keyFrame: true });
    return true;
  }

  /** Resolves when all files are complete. */
  async end(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    const ended = await Promise.allSettled([this.#endPrevious(), this.#finish(current)]);
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  async #begin(packet: Packet, streams: SegmentStreams): Promise<void> {
    await this.#endPrevious();
    const { file, segmentSeconds, keepSeconds, maxBytes, overwrite } = this.#options;
    const now = new Date();
    const path = segmentSeconds === undefined ? file : segmentPath(file, now);
    const writer = await SegmentWriter.open(path, this.#type, streams, overwrite);
    const before = this.#current;
    this.#previous = before;
    const current: OpenFile = {
      writer,
      clock: new PacketClock(),
      hasSound: streams.sound !== undefined,
      startNs: packet.timeNs,
      startPtsNs: packet.ptsNs,
      lastSoundNs: Number.NEGATIVE_INFINITY,
    };
    current.clock.origin(packet.dtsNs);
    this.#current = current;
    this.#open.add(current);
    this.#files += 1;
    this.#file = path;
    if (before?.hasSound !== true) await this.#endPrevious();
    if (segmentSeconds === undefined) return;
    const open = [...this.#open].map((one) => one.writer.path);
    deleteOldSegments(file, { keepSeconds, maxBytes }, now, open);
  }

  /** What ended before is told once. */
  async #endPrevious(): Promise<void> {
    const previous = this.#previous;
    this.#previous = undefined;
    const ending = this.#ending;
    this.#ending = Promise.resolve();
    await ending;
    await this.#finish(previous);
  }

  async #finish(file: OpenFile | undefined): Promise<void> {
    if (file === undefined) return;
    try {
      await file.writer.end();
    } finally {
      this.#open.delete(file);
      this.#endedBytes += file.writer.writtenBytes;
    }
  }
}
