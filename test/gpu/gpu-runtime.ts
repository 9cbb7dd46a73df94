/** A runtime directory with publishers and subscribers, and what they use of a GPU. All of it ends with the test. */
import { Stream } from '../../src/gpu/index.js';
import type { FramePublisher, FrameSubscriber, PublishOptions } from '../../src/index.js';
import { Program, type ProgramOptions } from '../process/program.js';
import { Runtime } from '../process/runtime.js';
import { Checker, kernelsOf, stamp, STAMPED, type Stamped } from './integrity.js';

export class GpuRuntime extends Runtime {
  readonly #streams: Stream[] = [];
  readonly #checkers: Checker[] = [];

  async stream(device: number | string = 0): Promise<Stream> {
    const stream = await Stream.create({ device });
    kernelsOf(stream.device);
    this.#streams.push(stream);
    return stream;
  }

  async checker(device: number | string = 0): Promise<Checker> {
    const checker = new Checker(await this.stream(device));
    this.#checkers.push(checker);
    return checker;
  }

  /** A publisher of stamped frames on the first GPU. */
  source(options: object = {}, channel = 'frames'): Promise<FramePublisher<Stamped>> {
    return this.publisher(channel, { format: STAMPED, memory: 'cuda', slots: 16, ...options });
  }

  sink(options: object = {}, channel = 'frames'): Promise<FrameSubscriber<Stamped>> {
    return this.subscriber(channel, { format: STAMPED, ...options });
  }

  /** A process that does what frame-program.ts says. */
  program(given: object, how: ProgramOptions = {}): Program {
    const { directory } = this;
    return new Program('../gpu/frame-program', { channel: 'frames', directory, ...given }, how);
  }

  override async end(): Promise<void> {
    await super.end();
    for (const stream of this.#streams.splice(0)) await stream.close();
    for (const checker of this.#checkers.splice(0)) checker.close();
  }
}

/** Publishes a frame that `stream` stamps with `value`. */
export function put(
  publisher: FramePublisher<Stamped>,
  stream: Stream,
  value: number,
  options: PublishOptions = {},
): number {
  const loan = publisher.tryLoan();
  if (loan === undefined) throw new Error(`no slot was free for ${value}`);
  stamp(stream, loan.pointer, value);
  return loan.publish({ ptsNs: value, stream, ...options });
}

/** As `put`, as soon as a slot is free. */
export async function putNext(
  publisher: FramePublisher<Stamped>,
  stream: Stream,
  value: number,
  options: PublishOptions = {},
): Promise<number> {
  const loan = await publisher.loan();
  stamp(stream, loan.pointer, value);
  return loan.publish({ ptsNs: value, stream, ...options });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<{
  readonly code?: string;
  readonly message: string;
  readonly remedy?: string;
}> {
  const outcome: unknown = await promise.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  return outcome as Error;
}
