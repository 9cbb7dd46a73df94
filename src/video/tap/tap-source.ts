/** What stands between a channel and the clients of a tap. */
import type { ClientWriter } from './client-writer.js';

export interface TapSource {
  /** A client came. */
  join(client: ClientWriter): void;
  /** It is gone. */
  leave(client: ClientWriter): void;
  /** It has read everything. */
  drained(client: ClientWriter): void;
  /** It said something: foreign bytes, valid until this returns. Where nothing is expected they are thrown away. */
  input?(client: ClientWriter, bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** What a tap counts. */
export interface TapCounters {
  reading: boolean;
  framesSent: number;
  framesSkipped: number;
  framesRepeated: number;
}
