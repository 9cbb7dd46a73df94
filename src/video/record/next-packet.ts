/** The next packet of a channel that is recorded. */
import { isSluiceError } from '../../core/index.js';
import type { Packet, PacketReader } from '../packets/index.js';

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
    const end = await reader.closed;
    if (end.error !== undefined) throw end.error;
    return undefined;
  }
}
