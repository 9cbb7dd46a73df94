/**
 * WebAssembly instructions as bytes: an expression is the code of its operands, then its opcode. Names and numbers are
 * those of the WebAssembly specification 2.0, section 5.4.
 */

/** Instructions in the binary format. */
export type Code = readonly number[];

const SIMD_PREFIX = 0xfd;
/** Addresses of pictures are not aligned; the hint costs nothing. */
const ALIGNMENT = 0;

/** Code one behind the other. `concat` copies whole arrays, where spreading them costs ten times as much. */
export function sequence(...parts: readonly Code[]): Code {
  return ([] as Code).concat(...parts);
}

/** An unsigned number in LEB128. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

/** A signed number of 32 bits in LEB128. */
function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value | 0;
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest & 0x7f];
}

type Operation = (...operands: readonly Code[]) => Code;
const plain =
  (opcode: number): Operation =>
  (...operands) =>
    sequence(...operands, [opcode]);
const simd =
  (opcode: number): Operation =>
  (...operands) =>
    sequence(...operands, [SIMD_PREFIX, ...unsigned(opcode)]);

/** Reads or writes memory at an address and a constant distance from it. */
type Access = (address: Code, offsetBytes?: number, value?: Code) => Code;
const access =
  (opcode: number): Access =>
  (address, offsetBytes = 0, value = []) =>
    sequence(address, value, [opcode, ALIGNMENT, ...unsigned(offsetBytes)]);
const simdAccess =
  (opcode: number): Access =>
  (address, offsetBytes = 0, value = []) =>
    sequence(address, value, [
      ...[SIMD_PREFIX, ...unsigned(opcode), ALIGNMENT, ...unsigned(offsetBytes)],
    ]);

/** A vector with one lane from memory. */
type LaneAccess = (vector: Code, lane: number, address: Code, offsetBytes?: number) => Code;
const laneAccess =
  (opcode: number): LaneAccess =>
  (vector, lane, address, offsetBytes = 0) =>
    sequence(address, vector, [
      ...[SIMD_PREFIX, opcode, ALIGNMENT, ...unsigned(offsetBytes), lane],
    ]);

export const i32 = Object.freeze({
  constant: (value: number): Code => [0x41, ...signed(value)],
  load: access(0x28),
  load8: access(0x2d),
  load16: access(0x2f),
  store: access(0x36),
  store16: access(0x3b),
  greaterThan: plain(0x4a),
  add: plain(0x6a),
  subtract: plain(0x6b),
  and: plain(0x71),
  or: plain(0x72),
  shiftLeft: plain(0x74),
  shiftRight: plain(0x76),
});

export const v128 = Object.freeze({
  load: simdAccess(0),
  /** Eight bytes as words of 16 bits. */
  load8x8: simdAccess(2),
  splat16: simdAccess(8),
  splat32: simdAccess(9),
  store: simdAccess(11),
  /** Four or eight bytes, zeros above. */
  loadLow32: simdAccess(92),
  loadLow64: simdAccess(93),
  constant: (lanes: Uint8Array | Uint16Array | Int32Array): Code => {
    const bytes = new Uint8Array(lanes.buffer, lanes.byteOffset, lanes.byteLength);
    return [SIMD_PREFIX, 12, ...bytes];
  },
  /** `bytes`: sixteen indices, of the first operand below 16, of the second from there on. */
  shuffle: (first: Code, second: Code, bytes: readonly number[]): Code =>
    sequence(first, second, [SIMD_PREFIX, 13], bytes),
  lane16: laneAccess(85),
  lane32: laneAccess(86),
  lane64: laneAccess(87),
  and: simd(78),
  xor: simd(81),
});

export const i8x16 = Object.freeze({
  /** Two vectors of signed words as bytes, clamped. */
  narrow: simd(102),
});

export const i16x8 = Object.freeze({
  splat: simd(16),
  /** Two vectors of signed numbers of 32 bits as words, clamped: signed, or unsigned. */
  narrowSigned: simd(133),
  narrow: simd(134),
  shiftLeft: simd(139),
  shiftRight: simd(141),
  add: simd(142),
  addSaturating: simd(144),
  subtract: simd(145),
  min: simd(151),
  /** (a + b + 1) >> 1. */
  average: simd(155),
  /** Sums of neighbours of bytes. */
  addPairs: simd(125),
});

export const i32x4 = Object.freeze({
  splat: simd(17),
  shiftRight: simd(172),
  add: simd(174),
  /** Sums of neighbours of products of signed words. */
  dot: simd(186),
  /** Sums of neighbours of words. */
  addPairs: simd(127),
});

const EMPTY_BLOCK = 0x40;

/** Repeats `body` at least once, as long as the condition at its end is not 0. */
export function loop(body: readonly Code[], condition: Code): Code {
  return sequence([0x03, EMPTY_BLOCK], ...body, condition, [0x0d, 0, 0x0b]);
}
