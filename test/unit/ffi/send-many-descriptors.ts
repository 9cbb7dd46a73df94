/** What a hostile peer can do: one byte with as many descriptors as the kernel lets pass (253, unix(7)). */
import { addressOf, libcFunction } from '../../../src/ffi/koffi.js';

/** The layout is drawn in src/ffi/message-header.ts. */
export function sendManyDescriptors(fd: number, descriptors: readonly number[]): void {
  const sendmsg = libcFunction<(fd: number, header: Uint8Array, flags: number) => number>(
    'intptr_t sendmsg(int fd, void *header, int flags)',
  );
  const data = Buffer.alloc(1);
  const controlBytes = 16 + 4 * descriptors.length;
  const header = Buffer.alloc(72 + controlBytes + 8);
  const address = addressOf(header);
  header.writeBigUInt64LE(address + 56n, 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(address + 72n, 32);
  header.writeBigUInt64LE(BigInt(controlBytes), 40);
  header.writeBigUInt64LE(addressOf(data), 56);
  header.writeBigUInt64LE(1n, 64);
  header.writeBigUInt64LE(BigInt(controlBytes), 72);
  header.writeInt32LE(1, 80);
  header.writeInt32LE(1, 84);
  descriptors.forEach((descriptor, index) => header.writeInt32LE(descriptor, 88 + 4 * index));
  if (sendmsg(fd, header, 0) !== 1) throw new Error('sendmsg failed');
}
