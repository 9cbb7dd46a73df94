/** Formats and geometry by section 3 of spec/protocol.md. Written from the document: nothing here comes from src/. */
import { Fields, isWhole, type Json, Refused } from './foreign-fields.js';

const MAX_FRAME_BYTES = 2 ** 32 - 64;
const FRAME_KINDS = ['video', 'tensor', 'audio'];
const MESSAGE_KINDS = ['text', 'bytes', 'json', 'packet'];
const CODECS = ['h264', 'hevc', 'av1', 'aac', 'opus', 'pcm-alaw', 'pcm-mulaw'];
const MEDIA_TYPE =
  /^[A-Za-z0-9_!#$&^.+-]+\/[A-Za-z0-9_!#$&^.+-]+(?:; ?[A-Za-z0-9_!#$&^.+-]+=[A-Za-z0-9_!#$&^.+-]+)*$/;

/** Planes of each pixel format: name, samples a pixel, bytes a sample. */
const PIXELS: Readonly<Record<string, readonly (readonly [string, number, number])[]>> = {
  nv12: [
    ['y', 1, 1],
    ['uv', 2, 1],
  ],
  p010: [
    ['y', 1, 2],
    ['uv', 2, 2],
  ],
  i420: [
    ['y', 1, 1],
    ['u', 1, 1],
    ['v', 1, 1],
  ],
  rgb24: [['rgb', 3, 1]],
  bgr24: [['bgr', 3, 1]],
  rgba: [['rgba', 4, 1]],
  bgra: [['bgra', 4, 1]],
  gray8: [['gray', 1, 1]],
  gray16: [['gray', 1, 2]],
};

const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  ...{ bool: 1, u8: 1, i8: 1 },
  ...{ u16: 2, i16: 2, f16: 2, bf16: 2 },
  ...{ u32: 4, i32: 4, f32: 4 },
  ...{ u64: 8, i64: 8, f64: 8 },
};

export type Place = readonly [string, number, number];
export type PlaneFacts = readonly [string, number, number, number, number, number, number];

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly variable?: true;
  readonly strides?: readonly number[];
}

export interface DecodedFormat {
  readonly format: Json;
  /** Of a frame; 0 for messages. */
  readonly frameBytes: number;
  readonly places: readonly Place[];
  readonly dims: number;
}

export function align(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

export function decodeFormat(value: unknown, channelKind: string): DecodedFormat {
  const f = new Fields(value, 'format');
  const kind = f.oneOf('kind', [...FRAME_KINDS, ...MESSAGE_KINDS]);
  const found = decodeKind(f, kind);
  if (FRAME_KINDS.includes(kind) !== (channelKind === 'frame')) f.refuse('kind');
  return { ...found, format: { kind, ...found.format } };
}

function decodeKind(f: Fields, kind: string): DecodedFormat {
  const nothing = { frameBytes: 0, places: [], dims: 0 };
  switch (kind) {
    case 'video':
      return decodeVideo(f);
    case 'tensor':
      return decodeTensors(f.raw('tensors'));
    case 'audio':
      return decodeAudio(f);
    case 'bytes': {
      if (!f.has('mediaType')) return { format: {}, ...nothing };
      const mediaType = f.matching('mediaType', MEDIA_TYPE);
      return { format: { mediaType: f.text('mediaType', 128) && mediaType }, ...nothing };
    }
    case 'packet':
      return { format: { codec: f.oneOf('codec', CODECS) }, ...nothing };
    default:
      return { format: {}, ...nothing };
  }
}

function decodeVideo(f: Fields): DecodedFormat {
  const width = f.integer('width', 1, 16384);
  const height = f.integer('height', 1, 16384);
  const pixelFormat = f.oneOf('pixelFormat', Object.keys(PIXELS));
  const color = f.has('color') ? decodeColor(f) : guessedColor(pixelFormat, height);
  const planes = planesOf(pixelFormat, width, height);
  const [, , , , , byteOffset, byteLength] = planes.at(-1) as PlaneFacts;
  const format = { width, height, pixelFormat, color };
  return { format, frameBytes: byteOffset + byteLength, places: [], dims: 0 };
}

function decodeColor(f: Fields): Json {
  const c = new Fields(f.raw('color'), 'format.color');
  const name = /^[a-z0-9][a-z0-9._-]{0,31}$/;
  return {
    matrix: c.matching('matrix', name),
    primaries: c.matching('primaries', name),
    transfer: c.matching('transfer', name),
    range: c.oneOf('range', ['limited', 'full']),
    guessed: c.boolean('guessed'),
  };
}

function guessedColor(pixelFormat: string, height: number): Json {
  if (/^(?:rgb|bgr)/.test(pixelFormat)) {
    const rgb = { matrix: 'rgb', primaries: 'bt709', transfer: 'srgb' };
    return { ...rgb, range: 'full', guessed: true };
  }
  const space = height >= 720 ? 'bt709' : 'bt601';
  const yuv = { matrix: space, primaries: space, transfer: 'bt709' };
  return { ...yuv, range: 'limited', guessed: true };
}

function decodeAudio(f: Fields): DecodedFormat {
  const sampleRateHz = f.integer('sampleRateHz', 1, 768000);
  const channels = f.integer('channels', 1, 64);
  const dtype = f.oneOf('dtype', ['i16', 'f32']);
  const maxSamples = f.integer('maxSamples', 1, 4194304);
  const frameBytes = maxSamples * channels * (dtype === 'i16' ? 2 : 4);
  const format = { sampleRateHz, channels, dtype, maxSamples };
  return { format, frameBytes, places: [['samples', 0, frameBytes]], dims: 2 };
}

/** name, width, height, bytes of a row, pitch, offset, bytes */
export function planesOf(pixelFormat: string, width: number, height: number): PlaneFacts[] {
  let pitch = 0;
  let offset = 0;
  return (PIXELS[pixelFormat] ?? []).map(([name, channels, sampleBytes], index) => {
    const columns = index === 0 ? width : Math.ceil(width / 2);
    const rows = index === 0 ? height : Math.ceil(height / 2);
    const rowBytes = columns * channels * sampleBytes;
    if (index === 0) pitch = align(rowBytes, 64);
    else if (index === 1 && pixelFormat === 'i420') pitch = align(pitch / 2, 64);
    const place = offset;
    offset += pitch * (pixelFormat === 'i420' ? rows : align(rows, 2));
    return [name, columns, rows, rowBytes, pitch, place, pitch * rows];
  });
}

function decodeTensors(value: unknown): DecodedFormat {
  const path = 'format.tensors';
  const f = new Fields(value, path);
  const names = Object.keys(f.value);
  if (names.length < 1 || names.length > 16) throw new Refused('field', `number of ${path}`);
  const tensors: Record<string, Tensor> = {};
  const places: Place[] = [];
  let dims = 0;
  let end = 0;
  for (const name of names) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,31}$/.test(name)) {
      throw new Refused('field', `a name in ${path}`);
    }
    const tensor = decodeTensor(new Fields(f.raw(name), `${path}.${name}`));
    const elements = reach(tensor.shape, tensor.strides ?? contiguous(tensor.shape));
    const byteLength = elements * (ELEMENT_BYTES[tensor.dtype] ?? 0);
    tensors[name] = tensor;
    places.push([name, align(end, 64), byteLength]);
    end = align(end, 64) + byteLength;
    if (tensor.variable === true) dims += tensor.shape.length;
  }
  if (dims > 22) throw new Refused('field', `number of dimensions of ${path}`);
  if (end > MAX_FRAME_BYTES) throw new Refused('field', path);
  return { format: { tensors }, frameBytes: Math.max(1, end), places, dims };
}

function decodeTensor(f: Fields): Tensor {
  const dtype = f.oneOf('dtype', Object.keys(ELEMENT_BYTES));
  const variable = f.has('variable') && f.boolean('variable');
  const shape = wholeList(f, 'shape', 8, () => (variable ? 1 : 0), 2 ** 31 - 1);
  const full = shape.map((dimension) => Math.max(1, dimension));
  let elements = full.reduce((product, dimension) => product * dimension, 1);
  let strides: readonly number[] | undefined;
  if (f.has('strides')) {
    const least = (axis: number): number => ((shape[axis] ?? 0) > 1 ? 1 : 0);
    strides = wholeList(f, 'strides', shape.length, least, MAX_FRAME_BYTES, shape.length);
    elements = Math.max(elements, reach(full, strides));
  }
  if (elements * (ELEMENT_BYTES[dtype] ?? 0) > MAX_FRAME_BYTES) throw new Refused('field', f.path);
  return { dtype, shape, ...(variable && { variable }), ...(strides && { strides }) };
}

function wholeList(
  f: Fields,
  key: string,
  most: number,
  least: (axis: number) => number,
  largest: number,
  fewest = 0,
): readonly number[] {
  const list = f.raw(key);
  if (!Array.isArray(list)) return f.refuse(key);
  if (list.length > most || list.length < fewest) return f.refuse(`${key}.length`);
  return list.map((entry: unknown, axis) =>
    isWhole(entry, least(axis), largest) ? entry : f.refuse(`${key}[${axis}]`),
  );
}

/** Elements from the first to the last, both included. */
function reach(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((sum, dimension, axis) => sum + (dimension - 1) * (strides[axis] ?? 0), 1);
}

function contiguous(shape: readonly number[]): number[] {
  return shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((stride, dimension) => stride * Math.max(1, dimension), 1),
  );
}
