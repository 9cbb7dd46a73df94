/** `sluice pub` of pictures: standard input, read straight into slots on loan, or sent to those of a GPU. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FramePublisher } from '../../bus/publisher/frame-publisher.js';
import type { LoanedFrame, PublishOptions } from '../../bus/publisher/loaned-frame.js';
import {
  copyToSlot,
  frameByteLength,
  rawByteLength,
  rowRuns,
  type VideoFormat,
} from '../../format/index.js';
import { type Run, UsageError } from '../run.js';
import { type PictureSink, readPictures } from './picture-input.js';
import { NutInput } from './nut-input.js';
import type { SendResult } from './send-messages.js';
import { Y4mInput } from './y4m-input.js';

const STANDARD_INPUT = 0;

export interface PictureOptions {
  /** Not faster than this. */
  readonly framesPerSecond: number | undefined;
  readonly waitsForSlots: boolean;
  /** Pictures to send at most. */
  readonly most: number;
}

export async function sendPictures(
  run: Run,
  publisher: FramePublisher<VideoFormat>,
  options: PictureOptions,
): Promise<SendResult> {
  assertPipedInput('--video');
  const sender = new PictureSender(run, publisher, options);
  const leftBytes = await readPictures(STANDARD_INPUT, sender, sender.signal);
  sender.close();
  if (leftBytes > 0 && !sender.signal.aborted) {
    run.note(
      `the input ended within a picture: ${leftBytes} of ${sender.pictureBytes} bytes were left out`,
    );
  }
  return { units: sender.sent };
}

/** `sluice pub --format y4m|nut`: the input says itself what its pictures are. */
export async function sendStream(
  run: Run,
  format: 'y4m' | 'nut',
  open: (format: VideoFormat) => Promise<PictureSender>,
): Promise<SendResult> {
  assertPipedInput(`--format ${format}`);
  const input = format === 'y4m' ? new Y4mInput(open) : new NutInput(open);
  const ending = AbortSignal.any([run.signal, input.enough.signal]);
  const leftBytes = await readPictures(STANDARD_INPUT, input, ending);
  if (!ending.aborted) {
    const problem = input.end(leftBytes);
    if (problem !== undefined) run.note(problem);
  }
  input.sender?.close();
  return { units: input.sender?.sent ?? 0 };
}

function assertPipedInput(option: string): void {
  if (process.stdin.isTTY !== true) return;
  throw new UsageError(`${option} reads pictures from standard input, which is a terminal here`);
}

export class PictureSender implements PictureSink {
  readonly pictureBytes: number;
  sent = 0;
  readonly #run: Run;
  readonly #publisher: FramePublisher<VideoFormat>;
  readonly #options: PictureOptions;
  readonly #runs: ReturnType<typeof rowRuns>;
  readonly #isOnGpu: boolean;
  readonly #enough = new AbortController();
  readonly #startedMs = performance.now();
  #loan: LoanedFrame<VideoFormat> | undefined;
  /** Takes a picture for which there is no slot, whose rows are padded in a slot, or that goes on to a GPU. */
  #scratch: Uint8Array | undefined;
  /** A slot's bytes on their way to a GPU, where rows are padded. */
  #padded: Uint8Array | undefined;

  constructor(run: Run, publisher: FramePublisher<VideoFormat>, options: PictureOptions) {
    this.#run = run;
    this.#publisher = publisher;
    this.#options = options;
    this.#runs = rowRuns(publisher.format);
    this.#isOnGpu = publisher.manifest.memory !== 'host';
    this.pictureBytes = rawByteLength(publisher.format);
  }

  /** The run's, and the end of the number of pictures. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#run.signal, this.#enough.signal]);
  }

  next(): Uint8Array {
    if (!this.#isOnGpu && !this.signal.aborted) this.#loan = this.#publisher.tryLoan();
    if (this.#loan === undefined || this.#runs.length > 1) {
      return (this.#scratch ??= new Uint8Array(this.pictureBytes));
    }
    return this.#loan.bytes.subarray(0, this.pictureBytes);
  }

  /** `ptsNs`: when it is to be seen; by default now. */
  async whole(ptsNs?: number): Promise<void> {
    const timing = ptsNs === undefined ? {} : { ptsNs };
    const { waitsForSlots, framesPerSecond, most } = this.#options;
    try {
      if (this.#isOnGpu) await this.#send(waitsForSlots, timing);
      else if (this.#loan !== undefined) this.#publish(this.#loan, this.#runs.length > 1, timing);
      else if (waitsForSlots) {
        this.#publish(await this.#publisher.loan({ signal: this.#run.signal }), true, timing);
      }
      if (this.sent >= most) this.#enough.abort();
      else if (framesPerSecond !== undefined) await this.#pace(framesPerSecond);
    } catch (error) {
      if (!this.#run.ended) throw error;
    }
  }

  close(): void {
    this.#loan?.[Symbol.dispose]();
  }

  #publish(loan: LoanedFrame<VideoFormat>, fromScratch: boolean, timing: PublishOptions): void {
    if (fromScratch && this.#scratch !== undefined) {
      copyToSlot(this.#runs, this.#scratch, loan.bytes);
    }
    loan.publish(timing);
    this.#loan = undefined;
    this.sent += 1;
  }

  /** The picture in `#scratch`, copied to the GPU. */
  async #send(waits: boolean, timing: PublishOptions): Promise<void> {
    const bytes = this.#slotBytes();
    if (!waits) {
      if (this.#publisher.send(bytes, timing) !== undefined) this.sent += 1;
      return;
    }
    const { signal } = this.#run;
    using loan = await this.#publisher.loan({ signal });
    await loan.publishCopyInTurn(bytes, timing, signal);
    this.sent += 1;
  }

  #slotBytes(): Uint8Array {
    const raw = this.#scratch as Uint8Array;
    const slotBytes = frameByteLength(this.#publisher.format);
    if (raw.byteLength === slotBytes) return raw;
    this.#padded ??= new Uint8Array(slotBytes);
    copyToSlot(this.#runs, raw, this.#padded);
    return this.#padded;
  }

  /** By the clock since the start, so that delays do not add up. */
  async #pace(framesPerSecond: number): Promise<void> {
    const dueMs = this.#startedMs + (this.sent * 1000) / framesPerSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#run.signal });
  }
}
