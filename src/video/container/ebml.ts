/** Elements of EBML (RFC 8794), read and written: an id, a size of 1 to 8 bytes, and content. */

/** Of an element that goes on to the end of its parent. */
export const UNKNOWN_SIZE = Infinity;

export interface Header {
  readonly id: number;
  readonly contentAt: number;
  readonly size: number;
}

/** Undefined where there is no whole header, or none at all. */
export function readHeader(bytes: Buffer, at: number): Header | undefined {
  const idLength = lengthOf(bytes[at]);
  if (idLength > 4 || at + idLength >= bytes.length) return undefined;
  const id = bytes.readUIntBE(at, idLength);
  const sizeAt = at + idLength;
  const sizeLength = lengthOf(bytes[sizeAt]);
  if (sizeLength > 8 || sizeAt + sizeLength > bytes.length) return undefined;
  let size = (bytes[sizeAt] as number) & (0xff >> sizeLength);
  let isUnknown = size === 0xff >> sizeLength;
  for (let index = 1; index < sizeLength; index += 1) {
    const byte = bytes[sizeAt + index] as number;
    isUnknown &&= byte === 0xff;
    size = size * 256 + byte;
  }
  return { id, contentAt: sizeAt + sizeLength, size: isUnknown ? UNKNOWN_SIZE : size };
}

/** Bytes of a number by its first byte: as many as it has leading zeros, and one. */
function lengthOf(first = 0): number {
  return Math.clz32(first) - 23;
}

export function element(id: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return Buffer.concat([bytesOf(id), sizeOf(length), ...content]);
}

export function unsigned(id: number, value: number): Buffer {
  return element(id, bytesOf(value));
}

export function float(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return element(id, bytes);
}

/** An element of so many bytes that says nothing; 2 or more. */
export function voidOf(byteLength: number): Buffer {
  const isShort = byteLength < 9;
  const header = isShort ? [0xec, 0x80 | (byteLength - 2)] : [0xec, ...sizeIn8(byteLength - 9)];
  return Buffer.concat([Buffer.from(header), Buffer.alloc(byteLength - header.length)]);
}

function sizeOf(length: number): Buffer {
  return length < 127 ? Buffer.of(0x80 | length) : sizeIn8(length);
}

/** A size in eight bytes, whatever it is. */
export function sizeIn8(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE((1n << 56n) | BigInt(length));
  return bytes;
}

/** As few as hold it, the most significant first. */
function bytesOf(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  const first = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(first < 0 ? 7 : first);
}
