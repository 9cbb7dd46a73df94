/**
 * Sound decoded: an ffmpeg that reads the packets of one stream and gives their samples. Times go in as the input has
 * them and come out counted in samples, so that the rounding of a container does not tear sound apart.
 */
import type { SluiceError } from '../../core/index.js';
import { PipeReader } from '../../ffi/index.js';
import type { AudioFormat } from '../../format/index.js';
import {
  FfmpegChild,
  NutDemuxer,
  type NutFrame,
  nutFrameHeader,
  nutHeader,
  type NutStream,
  readFailure,
  readingFailure,
  rescale,
  toNs,
} from '../ffmpeg/index.js';

/** A packet of sound on its way to its samples. */
export interface SoundPacket {
  readonly bytes: Uint8Array;
  /** In the time base of the stream, as read, never below 0. */
  readonly rawPts: number;
  /** The same from the start of the input: below 0 lies what only the decoder needs. */
  readonly pts: number;
  /** On the camera's line of time. */
  readonly ptsNs: number;
  /** CLOCK_MONOTONIC in ns: when it arrived in this process. */
  readonly captureTimeNs: number;
  readonly id: bigint;
}

/** Samples that were decoded together. */
export interface PcmBlock {
  /** Interleaved; of its own memory. */
  readonly bytes: Uint8Array;
  /** Of the first sample. */
  readonly ptsNs: number;
  readonly captureTimeNs: number;
  readonly id: bigint;
}

/** Bytes that its pipe has not taken, beyond which it is full: about a minute of sound. */
const FULL_BYTES = 1 << 18;
/** Packets that may be in those bytes; older ones gave no samples. */
const MAX_UNDER_WAY = 4096;
const READ_AHEAD_BYTES = 1 << 16;
const CODERS = { f32: 'pcm_f32le', i16: 'pcm_s16le' } as const;

interface UnderWay {
  readonly packet: SoundPacket;
  /** Of its raw time. */
  readonly rawNs: number;
  /** Its samples are known already: it is decoded for those that follow. */
  readonly isKnown: boolean;
}

export class PcmDecoder {
  /** Why it gives nothing any more. */
  failure: SluiceError | undefined;
  readonly #stream: NutStream;
  readonly #child: FfmpegChild;
  readonly #reader: PipeReader;
  readonly #bytesPerSample: number;
  readonly #ended: Promise<void>;
  readonly #onBlock: (block: PcmBlock) => void;
  #underWay: UnderWay[] = [];
  #blocks = 0;
  #isHeld = false;
  #closing = false;

  constructor(
    channel: string,
    stream: NutStream,
    { dtype, sampleRateHz, channels }: AudioFormat,
    onBlock: (block: PcmBlock) => void,
  ) {
    this.#stream = stream;
    this.#onBlock = onBlock;
    this.#bytesPerSample = channels * (dtype === 'f32' ? 4 : 2);
    const shape = ['-ar', String(sampleRateHz), '-ac', String(channels), '-c:a', CODERS[dtype]];
    this.#child = new FfmpegChild({
      args: [
        // Times come out as they went in; the stream is described by its header.
        ...['-copyts', '-probesize', '32', '-analyzeduration', '1', '-f', 'nut', '-i', 'pipe:0'],
        ...['-map', '0:a:0', ...shape, '-flush_packets', '1', '-f', 'nut', 'pipe:1'],
      ],
    });
    this.#child.input.write(nutHeader(stream));
    let bytes: Uint8Array = new Uint8Array(0);
    const demuxer = new NutDemuxer(
      {
        streams: () => undefined,
        frame: ({ byteLength }) => (bytes = new Uint8Array(byteLength)),
        whole: (frame) => this.#take(frame, bytes),
      },
      READ_AHEAD_BYTES,
    );
    this.#reader = new PipeReader(this.#child.output, demuxer);
    this.#ended = this.#follow(channel);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** It is so far behind that no more should be given to it now. */
  get isFull(): boolean {
    return this.#child.input.writableLength > FULL_BYTES;
  }

  /** `isKnown`: only for those that follow, and not given out. */
  decode(packet: SoundPacket, isKnown: boolean): void {
    if (this.failure !== undefined) return;
    const { bytes, rawPts } = packet;
    this.#underWay.push({ packet, rawNs: toNs(rawPts, this.#stream.timeBase), isKnown });
    if (this.#underWay.length > MAX_UNDER_WAY) this.#underWay.shift();
    const { input } = this.#child;
    input.cork();
    input.write(nutFrameHeader(rawPts, true, bytes.length));
    input.write(bytes);
    input.uncork();
  }

  /** Resolves when it is no longer full, or has ended. */
  async whenReady(): Promise<void> {
    const drained = new Promise((resolve) => this.#child.input.once('drain', resolve));
    await Promise.race([drained, this.#ended]);
  }

  /** Gives no more blocks until `release()`, but for those that were read already. */
  hold(): void {
    this.#isHeld = true;
    this.#reader.hold();
  }

  release(): void {
    this.#isHeld = false;
    this.#reader.release();
  }

  /** Gives what it has still to give, and ends. */
  async finish(): Promise<void> {
    this.#closing = true;
    await this.#child.finish(() => (this.#isHeld ? undefined : this.#blocks));
    await this.#ended;
  }

  /** Ends at once. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#underWay = [];
    await this.#child.stop();
    this.#reader.close();
    await this.#ended;
  }

  #take({ stream, pts }: NutFrame, bytes: Uint8Array): void {
    this.#blocks += 1;
    const blockNs = toNs(pts, stream.timeBase);
    const found = this.#packetAt(blockNs);
    if (found === undefined || found.isKnown) return;
    const { packet, rawNs } = found;
    const ptsNs = packet.ptsNs + blockNs - rawNs;
    // Encoders begin before the sound: those samples have times below that of the start, and are no sound.
    const start = rescale(packet.rawPts - packet.pts, this.#stream.timeBase, stream.timeBase);
    const early = Math.max(0, start - pts);
    const left = bytes.subarray(early * this.#bytesPerSample);
    if (left.length === 0) return;
    const { captureTimeNs, id } = packet;
    this.#onBlock({
      bytes: left,
      ptsNs: ptsNs + toNs(early, stream.timeBase),
      captureTimeNs,
      id,
    });
  }

  /** The packet whose time is nearest; those before it will give nothing any more. */
  #packetAt(blockNs: number): UnderWay | undefined {
    const away = (index: number): number =>
      Math.abs((this.#underWay[index]?.rawNs ?? Infinity) - blockNs);
    let nearest = 0;
    while (away(nearest + 1) < away(nearest)) nearest += 1;
    this.#underWay.splice(0, nearest);
    return this.#underWay[0];
  }

  async #follow(channel: string): Promise<void> {
    await this.#reader.ended.catch((error: unknown) => (this.failure = readingFailure(error)));
    if (this.failure !== undefined) await this.#child.stop();
    const end = await this.#child.ended;
    if (this.#closing) return;
    this.failure ??= readFailure(`${channel}: the decoder has ended`, end).error;
  }
}
