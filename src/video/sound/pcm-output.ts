/** The channel of decoded sound: blocks as frames of at most so many samples, each with the time of its first. */
import { type FramePublisher, type LoanedFrame, openPublisher } from '../../bus/index.js';
import { isSluiceError } from '../../core/index.js';
import type { AudioFormat } from '../../format/index.js';
import type { PacketFlow, PublishedBy } from '../camera/packet-output.js';
import type { PcmBlock } from './pcm-decoder.js';

/** More than a second of most sound: for readers of every block that are late for once. */
const SLOTS = 64;
/** A block that begins so much beside the end of the one before it does not follow it. */
const MAX_SLIP_NS = 5_000_000;

interface Piece extends PcmBlock {
  readonly discontinuity: boolean;
}

export class PcmOutput {
  /** Blocks that found no slot. */
  dropped = 0;
  readonly channel: string;
  readonly #options: PublishedBy;
  readonly #flow: PacketFlow;
  readonly #ending: AbortSignal;
  #publisher: FramePublisher<AudioFormat> | undefined;
  /** Where the samples that were published last end. */
  #endNs: number | undefined;
  #waiting: Piece[] = [];
  #emptied: Promise<void> = Promise.resolve();

  /** `flow`: of what gives the blocks; where it waits, readers of every block hold it up. */
  constructor(channel: string, options: PublishedBy, flow: PacketFlow, ending: AbortSignal) {
    this.channel = channel;
    this.#options = options;
    this.#flow = flow;
    this.#ending = ending;
  }

  get publisher(): FramePublisher<AudioFormat> | undefined {
    return this.#publisher;
  }

  /** From here on blocks are of this format. */
  async begin(format: AudioFormat): Promise<void> {
    if (this.#publisher !== undefined) {
      await this.#publisher.setFormat(format);
      return;
    }
    const { allow, directory, label = 'sluice camera' } = this.#options;
    this.#publisher = await openPublisher(this.channel, {
      format,
      label,
      slots: SLOTS,
      whenFull: this.#flow.waits ? 'wait' : 'drop',
      ...(allow === undefined ? {} : { allow }),
      ...(directory === undefined ? {} : { directory }),
    });
  }

  publish(block: PcmBlock): void {
    const publisher = this.#publisher;
    if (publisher === undefined) return;
    for (const piece of this.#piecesOf(block, publisher.format)) {
      if (this.#waiting.length === 0 && this.#tryPublish(publisher, piece)) continue;
      if (!this.#flow.waits) {
        this.dropped += 1;
        continue;
      }
      this.#waiting.push(piece);
      if (this.#waiting.length === 1) this.#emptied = this.#publishWaiting(publisher);
    }
  }

  /** What still waits for a slot is forgotten: nobody reads it. */
  forget(): void {
    this.#waiting.length = Math.min(this.#waiting.length, 1);
  }

  /** Resolves when all that it was given is published. */
  async whenEmpty(): Promise<void> {
    await this.#emptied;
  }

  async close(): Promise<void> {
    const publisher = this.#publisher;
    this.#publisher = undefined;
    this.#endNs = undefined;
    await publisher?.close();
  }

  *#piecesOf(block: PcmBlock, format: AudioFormat): Generator<Piece> {
    const { bytes, ptsNs, captureTimeNs, id } = block;
    const { maxSamples, sampleRateHz } = format;
    const sampleBytes = bytesPerSample(format);
    const length = maxSamples * sampleBytes;
    const timeOf = (at: number): number =>
      ptsNs + Math.round((at / sampleBytes / sampleRateHz) * 1e9);
    for (let at = 0; at < bytes.length; at += length) {
      const startNs = timeOf(at);
      const discontinuity =
        this.#endNs !== undefined && Math.abs(startNs - this.#endNs) > MAX_SLIP_NS;
      const end = Math.min(at + length, bytes.length);
      this.#endNs = timeOf(end);
      const piece = bytes.subarray(at, end);
      yield { bytes: piece, ptsNs: startNs, captureTimeNs, id, discontinuity };
    }
  }

  #tryPublish(publisher: FramePublisher<AudioFormat>, piece: Piece): boolean {
    try {
      const loan = publisher.tryLoan();
      if (loan === undefined) return false;
      fill(loan, piece);
    } catch (error) {
      // The camera is at its end.
      if (!isSluiceError(error, 'CLOSED')) throw error;
    }
    return true;
  }

  /** What gives the blocks is held meanwhile, so what waits is what had been read. */
  async #publishWaiting(publisher: FramePublisher<AudioFormat>): Promise<void> {
    this.#flow.hold();
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        const loan = await publisher.loan({ signal: this.#ending });
        fill(loan, next);
        this.#waiting.shift();
      }
    } catch (error) {
      if (!this.#ending.aborted && !isSluiceError(error, 'CLOSED')) throw error;
      this.#waiting = [];
    }
    this.#flow.release();
  }
}

function fill(loan: LoanedFrame<AudioFormat>, piece: Piece): void {
  const { bytes, ptsNs, captureTimeNs, id, discontinuity } = piece;
  const { channels } = loan.format;
  loan.bytes.set(bytes);
  loan.publish({
    ...{ ptsNs, captureTimeNs, id, discontinuity, keyFrame: true, byteLength: bytes.length },
    shape: [bytes.length / bytesPerSample(loan.format), channels],
  });
}

function bytesPerSample({ dtype, channels }: AudioFormat): number {
  return channels * (dtype === 'f32' ? 4 : 2);
}
