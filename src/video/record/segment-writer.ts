/**
 * One file of a recording: packets go through an ffmpeg that copies them into the container, and what it makes is written
 * here. So a full disk is an error of our own write(2), and what was written before it stays readable.
 *
 * ```text
 * packets of pictures ─▶ MPEG-TS (AV1: NUT) ─▶ pipe:0 ┐
 *                                                     ├─ ffmpeg -c copy ─▶ pipe ─▶ file
 * packets of sound ────▶ NUT ────────────────▶ pipe:3 ┘
 * ```
 */
import type { FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { printable, SluiceError } from '../../core/index.js';
import { MatroskaIndex } from '../container/matroska-index.js';
import { TsMuxer, type TsCodec } from '../container/mpegts.js';
import { FfmpegChild, nutFrameHeader, startFailure } from '../ffmpeg/index.js';
import type { RecordingType } from './options.js';
import { createRecordingFile } from './recording-file.js';
import { writeFailure } from './write-failure.js';
import { type SoundStream, soundHeader, pictureHeader } from './stream-headers.js';

/** Added to all times: what a transport stream adds, so that sound and pictures stay together. */
const LEAD_NS = 1_000_000_000;

/**
 * A key frame has its parameter sets and sound its header: nothing is to be found out by reading ahead. ffmpeg would
 * look at five seconds of pictures before it reads any sound, and who gives it both would wait for ever.
 */
const AT_ONCE = ['-analyzeduration', '1'];

const OUTPUT: Readonly<Record<RecordingType, readonly string[]>> = {
  mp4: ['-f', 'mp4', '-movflags', '+frag_keyframe+empty_moov+default_base_moof'],
  mkv: ['-f', 'matroska', '-cluster_time_limit', '1000'],
};

export interface RecordedPacket {
  readonly bytes: Uint8Array;
  /** Since the beginning of the file; not negative. */
  readonly ptsNs: number;
  readonly dtsNs: number;
  readonly keyFrame: boolean;
}

export interface SegmentStreams {
  readonly codec: 'h264' | 'hevc' | 'av1';
  readonly width: number;
  readonly height: number;
  readonly sound: SoundStream | undefined;
}

export class SegmentWriter {
  readonly path: string;
  writtenBytes = 0;
  /** Resolves when the file is complete; rejects with SYSTEM and UNSUPPORTED. */
  readonly done: Promise<void>;
  readonly #child: FfmpegChild;
  readonly #muxer: TsMuxer | undefined;
  /** Of a `.mp4` ffmpeg writes it at the end. */
  readonly #index: MatroskaIndex | undefined;
  #failed = false;
  #isWriting = false;

  private constructor(
    path: string,
    file: FileHandle,
    type: RecordingType,
    streams: SegmentStreams,
  ) {
    this.path = path;
    this.#index = type === 'mkv' ? new MatroskaIndex() : undefined;
    const { codec, sound } = streams;
    this.#muxer = codec === 'av1' ? undefined : new TsMuxer(codec as TsCodec);
    const container = this.#muxer === undefined ? 'nut' : 'mpegts';
    const pictures = [...AT_ONCE, '-f', container, '-i', 'pipe:0'];
    const second =
      sound === undefined
        ? []
        : [...AT_ONCE, '-f', 'nut', '-i', 'pipe:3', '-map', '0', '-map', '1'];
    const tag = type === 'mp4' && codec === 'hevc' ? ['-tag:v', 'hvc1'] : [];
    const copy = ['-c', 'copy', '-avoid_negative_ts', 'make_zero', '-flush_packets', '1'];
    this.#child = new FfmpegChild({
      args: ['-copyts', ...pictures, ...second, ...copy, ...tag, ...OUTPUT[type], 'pipe:1'],
      ...(sound === undefined ? {} : { second: 'input' }),
    });
    if (this.#muxer === undefined) this.#child.input.write(pictureHeader(streams));
    if (sound !== undefined) this.#child.secondInput?.write(soundHeader(sound));
    this.done = this.#store(file);
    // Whoever waits for it may come later than the failure.
    this.done.catch(() => (this.#failed = true));
  }

  /** Rejects with SYSTEM when the file cannot be made. */
  static async open(
    path: string,
    type: RecordingType,
    streams: SegmentStreams,
    overwrite: boolean | undefined,
  ): Promise<SegmentWriter> {
    const file = await createRecordingFile(path, overwrite);
    return new SegmentWriter(path, file, type, streams);
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Resolves when the packet is on its way: a slow disk holds its caller up. */
  picture({ bytes, ptsNs, dtsNs, keyFrame }: RecordedPacket): Promise<void> {
    if (this.#muxer !== undefined) {
      return this.#write(this.#child.input, [this.#muxer.unit({ bytes, ptsNs, dtsNs, keyFrame })]);
    }
    const header = nutFrameHeader(ptsNs + LEAD_NS, keyFrame, bytes.byteLength);
    return this.#write(this.#child.input, [header, bytes]);
  }

  sound({ bytes, ptsNs }: RecordedPacket): Promise<void> {
    const header = nutFrameHeader(ptsNs + LEAD_NS, true, bytes.byteLength);
    return this.#write(this.#child.secondInput, [header, bytes]);
  }

  /** No more comes; resolves as `done`. */
  async end(): Promise<void> {
    this.#child.secondInput?.end();
    // A slow disk has the time it needs.
    await this.#child.finish(() => (this.#isWriting ? undefined : this.writtenBytes));
    await this.done;
  }

  #write(input: Writable | undefined, pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#failed || input?.writable !== true) return Promise.resolve();
    return new Promise((resolve) => {
      input.write(Buffer.concat(pieces), () => resolve());
    });
  }

  /** The index goes behind all, and only then is it named at the beginning: half of it harms nobody. */
  async #complete(file: FileHandle): Promise<void> {
    const end = this.#index?.end();
    if (end === undefined) return;
    await writeAll(file, end.tail);
    this.writtenBytes += end.tail.byteLength;
    for (const { at, bytes } of end.patches) await writeAll(file, bytes, at);
  }

  async #storeOutput(file: FileHandle, descriptor: number): Promise<void> {
    // In the event loop: a read that waits for ffmpeg would keep one of the few threads for files to itself.
    const output = new Socket({ fd: descriptor, readable: true, writable: false });
    for await (const chunk of output) {
      this.#isWriting = true;
      await writeAll(file, chunk as Buffer);
      this.#isWriting = false;
      this.writtenBytes += (chunk as Buffer).byteLength;
      this.#index?.add(chunk as Buffer);
    }
  }

  async #store(file: FileHandle): Promise<void> {
    try {
      const { output } = this.#child;
      if (output !== undefined) await this.#storeOutput(file, output);
      if ((await this.#child.ended).status === 0) await this.#complete(file);
    } catch (error) {
      await this.#child.stop();
      throw writeFailure(this.path, error as NodeJS.ErrnoException, this.writtenBytes);
    } finally {
      await file.close();
    }
    const { error, status, lines } = await this.#child.ended;
    if (error !== undefined) throw startFailure(error);
    if (status === 0) return;
    const words = lines.at(-1) ?? 'nothing';
    throw new SluiceError('SYSTEM', `cannot record ${printable(this.path)}: ffmpeg says ${words}`, {
      details: { path: this.path, ffmpeg: lines },
      remedy: 'See details; what was recorded before is kept.',
    });
  }
}

/** `position`: where in the file; by default behind what was written last. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    const place = position === undefined ? null : position + at;
    const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, place);
    at += bytesWritten;
  }
}
