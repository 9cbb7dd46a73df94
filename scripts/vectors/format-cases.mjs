/** Where planes and tensors lie, and what 16-bit floats become. */
import { alignUp, distance32 } from '../../dist/src/core/index.js';
import {
  completeFormat,
  frameByteLength,
  frameLayout,
  PIXEL_FORMATS,
  videoPlanes,
} from '../../dist/src/format/index.js';
import {
  bytesRingGeometry,
  controlByteLength,
  poolGeometry,
  slotsOfMessage,
  slotsRingGeometry,
  unitsOfRecord,
} from '../../dist/src/layout/index.js';
import { fromFloat32, toFloat32 } from '../../dist/src/tensor/index.js';

const SIZES = [
  [1, 1],
  [2, 2],
  [3, 5],
  [31, 16],
  [64, 48],
  [127, 63],
  [1280, 720],
  [1921, 1081],
];

const TENSORS = [
  { data: { dtype: 'f32', shape: [64, 32000] } },
  { scalar: { dtype: 'u8', shape: [] }, after: { dtype: 'i64', shape: [3] } },
  { empty: { dtype: 'f64', shape: [0, 9] }, after: { dtype: 'u8', shape: [65] } },
  {
    logits: { dtype: 'f16', shape: [3, 5], strides: [8, 1] },
    ids: { dtype: 'i64', shape: [64, 4096], variable: true },
    column: { dtype: 'f32', shape: [4, 3], strides: [1, 4], variable: true },
    mask: { dtype: 'bool', shape: [7] },
  },
];

function videoCase(pixelFormat, [width, height]) {
  const format = completeFormat({ kind: 'video', width, height, pixelFormat });
  const planes = videoPlanes(format).map((plane) => [
    plane.name,
    plane.width,
    plane.height,
    plane.rowBytes,
    plane.pitchBytes,
    plane.byteOffset,
    plane.byteLength,
  ]);
  return { pixelFormat, width, height, frameBytes: frameByteLength(format), planes };
}

function tensorCase(format) {
  const { tensors, variableDimensionCount } = frameLayout(format);
  const places = tensors.map(({ name, byteOffset, byteLength }) => [name, byteOffset, byteLength]);
  return { format, frameBytes: frameByteLength(format), places, dims: variableDimensionCount };
}

export function geometryVectors() {
  const tensors = TENSORS.map((specs) => completeFormat({ kind: 'tensor', tensors: specs }));
  const audio = { kind: 'audio', sampleRateHz: 48000, channels: 2, dtype: 'f32', maxSamples: 480 };
  return {
    video: PIXEL_FORMATS.flatMap((name) => SIZES.map((size) => videoCase(name, size))),
    tensor: [...tensors, completeFormat(audio)].map(tensorCase),
  };
}

const IDENTITY = { epoch: 0, instance: [0, 0, 0, 0] };

/** [pool: slots, index entries, offset of the records, bytes of the block], [ring: slots, write-ahead, bytes] */
export function arithmeticVectors() {
  const pool = [2, 3, 4, 8, 9, 16, 64, 384].map((slots) => {
    const geometry = poolGeometry(IDENTITY, slots, 4096);
    return [slots, geometry.indexSize, geometry.recordsOffset, controlByteLength(geometry)];
  });
  const ring = (make) => (slots) => {
    const geometry = make(IDENTITY, slots);
    return [slots, geometry.writeAhead, controlByteLength(geometry)];
  };
  return {
    pool,
    slotsRing: [8, 16, 4096, 2 ** 22].map(ring(slotsRingGeometry)),
    bytesRing: [8, 32, 16384, 2 ** 22].map(ring(bytesRingGeometry)),
    slotsOfMessage: [0, 1, 240, 241, 480, 481, 960].map((bytes) => [bytes, slotsOfMessage(bytes)]),
    unitsOfRecord: [0, 32, 33, 64, 96, 97, 448].map((bytes) => [
      bytes,
      unitsOfRecord(bytes, false),
      unitsOfRecord(bytes, true),
    ]),
    distance: [
      [5, 3],
      [3, 5],
      [0, 0xffffffff],
      [0x80000000, 0],
      [1, 0xfffffff0],
    ].map(([to, from]) => [to, from, distance32(to, from)]),
    slotBytes: [1, 4096, 4097, 3110400].map((bytes) => [bytes, alignUp(bytes, 4096)]),
  };
}

/** Bits of f32 to be narrowed: exact, halfway to even and to odd, just beside, subnormal, overflowing, NaN. */
const NARROWED = [
  0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x3f801000, 0x3f803000, 0x3f801001, 0x3f800fff,
  0x3f808000, 0x3f818000, 0x3f808001, 0x477fe000, 0x477fefff, 0x477ff000, 0xc77ff000, 0x38800000,
  0x387fe000, 0x387fffff, 0x33800000, 0x33000000, 0x33000001, 0x32ffffff, 0x00000001, 0x007fffff,
  0x7f7fffff, 0x7f7f8000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffa02001, 0x40490fdb,
];
/** Bits of 16-bit floats to be widened. */
const WIDENED = [
  0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x3555, 0x7bff, 0x7c00, 0xfc00, 0x7e00,
  0x7c01, 0xfdff, 0x0080, 0x3f80, 0xc049,
];

function narrow(dtype, bits) {
  return fromFloat32(dtype, new Float32Array(Uint32Array.of(bits).buffer))[0];
}

function widen(dtype, bits) {
  return new Uint32Array(toFloat32(dtype, Uint16Array.of(bits)).buffer)[0];
}

/**
 * First the narrowings, 8 bytes each: u32 bits of an f32, u16 of the nearest f16, u16 of the nearest bf16. Then the
 * widenings, 12 bytes each: u16 bits, u16 0, u32 of the f32 they are as f16, u32 of the f32 they are as bf16.
 */
export function halfFloatVectors() {
  const bytes = Buffer.alloc(NARROWED.length * 8 + WIDENED.length * 12);
  NARROWED.forEach((bits, index) => {
    bytes.writeUInt32LE(bits, index * 8);
    bytes.writeUInt16LE(narrow('f16', bits), index * 8 + 4);
    bytes.writeUInt16LE(narrow('bf16', bits), index * 8 + 6);
  });
  WIDENED.forEach((bits, index) => {
    const at = NARROWED.length * 8 + index * 12;
    bytes.writeUInt16LE(bits, at);
    bytes.writeUInt32LE(widen('f16', bits), at + 4);
    bytes.writeUInt32LE(widen('bf16', bits), at + 8);
  });
  const counts = { narrowed: NARROWED.length, widened: WIDENED.length };
  return { files: { 'half-floats.bin': bytes }, group: { file: 'half-floats.bin', ...counts } };
}
