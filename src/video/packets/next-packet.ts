/** The next packet of a publisher, for who reads one after the other. */
import { isSluiceError } from '../../core/index.js';
import type { Packet, PacketReader } from './packet-reader.js';

/**
 * Undefined when the publisher has ended and everything was read, and when the signal says so. Rejects with what ended
 * the reader otherwise.
 */
export async function nextPacket(
  reader: PacketReader,
  signal: AbortSignal,
): Promise<Packet | undefined> {
  try {
    return await reader.receive({ signal });
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!isSluiceError(error, 'CLOSED')) throw error;
    if (error.cause !== undefined) throw error.cause;
    return undefined;
  }
}
