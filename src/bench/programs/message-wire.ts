/** The messages of the `messages` suite, and what both ends of a subject agree on. */

export const MESSAGE_BYTES = 240;
/** First byte of every message, and of the one that ends a phase: all receivers count messages and sum this byte. */
export const DATA_MARK = 1;
export const END_MARK = 2;
export const LARGEST_BATCH = 64;
/** Messages between two looks at the clock. */
export const CLOCK_EVERY = 4096;

export type MessageSubject =
  | 'sluice slots'
  | 'sluice bytes'
  | 'process.send'
  | 'worker postMessage'
  | 'unix socket'
  | 'zeromq'
  | 'shared-memory-disruptor';

export interface MessageGiven {
  readonly subject: MessageSubject;
  /** A runtime directory of this run, for sockets too. */
  readonly directory: string;
}

/** One phase: `batch` messages at a time, for at least so long. Answered with millions of messages a second. */
export interface PhaseRequest {
  readonly batch: number;
  readonly durationMs: number;
}

/** What a receiver tells at the end of a phase. */
export interface PhaseReport {
  readonly received: number;
  /** CLOCK_MONOTONIC. */
  readonly endNs: number;
}

/** `count` different messages, all with the mark. */
export function makeMessages(count: number, mark: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const message = new Uint8Array(MESSAGE_BYTES).fill(index + 1);
    message[0] = mark;
    return message;
  });
}

/** Counts messages, sums their first bytes, knows the end by the sum. */
export class Tally {
  received = 0;
  sum = 0;

  /** One message that starts at `offset`. */
  add(bytes: Uint8Array, offset: number): void {
    this.received += 1;
    this.sum += bytes[offset] as number;
  }

  /** The end mark has come. */
  get ended(): boolean {
    return this.sum > this.received;
  }

  /** Takes what was counted, and begins anew. */
  take(endNs: number): PhaseReport {
    const report = { received: this.received, endNs };
    this.received = this.sum = 0;
    return report;
  }
}
