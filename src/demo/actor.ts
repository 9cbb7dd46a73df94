/** What the demo's processes tell their director, and how they are told to stop. */

export type Role = 'camera' | 'detector' | 'statistics' | 'recorder';

/** Sent by each actor a few times a second. Counts are totals of this life of the process. */
export interface ActorReport {
  readonly role: Role;
  readonly state: 'live' | 'waiting';
  readonly frames: number;
  readonly bytesInPlace: number;
  readonly bytesCopied: number;
  readonly skipped: number;
  readonly lost: number;
  readonly torn: number;
  readonly reconnects: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** One fact worth showing. */
  readonly note: string;
}

const REPORT_EVERY_MS = 200;

/** Runs an actor: reports until the director asks it to stop or goes away, then once more. */
export async function perform(
  report: () => ActorReport,
  act: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const send = (): void => {
    if (process.connected) process.send?.(report(), () => undefined);
  };
  const timer = setInterval(send, REPORT_EVERY_MS);
  process.once('message', () => stop.abort());
  process.once('disconnect', () => stop.abort());
  try {
    await act(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    clearInterval(timer);
    send();
    if (process.connected) process.disconnect();
  }
}
