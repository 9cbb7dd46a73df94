/** Publishers and subscribers in one process, in a runtime directory of their own; all of it ends with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FramePublisher, LoanedFrame } from '../../../src/index.js';
import {
  type Frame,
  type FrameFormat,
  openPublisher,
  openSubscriber,
  type PublishOptions,
  type Status,
  tensor,
  type TensorFormat,
} from '../../../src/index.js';

interface Closable {
  close(): Promise<unknown>;
}

export class Bench {
  readonly directory: string;
  readonly #open: Closable[] = [];

  constructor(test: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bus-'));
    this.directory = join(folder, 'run');
    test.after(async () => {
      for (const endpoint of this.#open.toReversed()) await endpoint.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  /** `openPublisher` in this directory, closed with the test. */
  readonly publisher = (async (channel: string, options: object) =>
    this.own(
      await openPublisher(channel, { directory: this.directory, ...options } as never),
    )) as unknown as typeof openPublisher;

  /** `openSubscriber` in this directory, closed with the test. */
  readonly subscriber = (async (channel: string, options: object) =>
    this.own(
      await openSubscriber(channel, { directory: this.directory, ...options } as never),
    )) as unknown as typeof openSubscriber;

  own<T>(endpoint: T): T {
    this.#open.push(endpoint as Closable);
    return endpoint;
  }
}

/** Sixteen numbers a frame: enough to tell frames apart. */
export const NUMBERS = tensor('u32', [16]);
export type Numbers = TensorFormat<'data'>;

/** Publishes a frame of which every number is `value`. */
export function put(
  publisher: FramePublisher<Numbers>,
  value: number,
  options: PublishOptions = {},
): number {
  const loan = publisher.tryLoan();
  if (loan === undefined) throw new Error('no slot was free');
  fill(loan, value);
  return loan.publish(options);
}

export function fill(loan: LoanedFrame<Numbers>, value: number): void {
  (loan.tensors.data.data as Uint32Array).fill(value);
}

/** The one value that a frame of NUMBERS is filled with. Throws when it is torn. */
export function valueOf(frame: Frame<Numbers>): number {
  const numbers = frame.tensors.data.data as Uint32Array;
  const first = numbers[0] ?? -1;
  if (numbers.some((number) => number !== first)) throw new Error(`torn: ${numbers.join(' ')}`);
  return first;
}

/** Takes one frame, gives it back, and tells its value. */
export async function takeValue(subscriber: {
  receive(): Promise<Frame<Numbers>>;
}): Promise<number> {
  const frame = await subscriber.receive();
  try {
    return valueOf(frame);
  } finally {
    frame.release();
  }
}

/** The values of all frames that are there now. */
export function takeAll(subscriber: { tryReceive(): Frame<Numbers> | undefined }): number[] {
  const values: number[] = [];
  for (;;) {
    const frame = subscriber.tryReceive();
    if (frame === undefined) return values;
    values.push(valueOf(frame));
    frame.release();
  }
}

/** What `assert.throws` and `assert.rejects` compare a SluiceError with. */
export function failure(code: string, message?: RegExp): object {
  return { name: 'SluiceError', code, ...(message === undefined ? {} : { message }) };
}

/** Everything that a frame's holder sees, for comparing two of them. */
export function metadataOf(frame: Frame<FrameFormat>): object {
  const { sequence, epoch, ptsNs, captureTimeNs, id, flags } = frame;
  return { sequence, epoch, ptsNs, captureTimeNs, id, flags: { ...flags } };
}

/** The next status of a type; others are passed over. */
export async function nextStatus<T extends Status['type']>(
  statuses: AsyncIterator<Status>,
  type: T,
): Promise<Extract<Status, { type: T }>> {
  for (;;) {
    const { done, value } = await statuses.next();
    if (done === true) throw new Error(`the statuses ended before '${type}'`);
    if (value.type === type) return value as Extract<Status, { type: T }>;
  }
}

/** One turn of the event loop: what has arrived is read. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when `condition` holds, looking once a turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
