/**
 * What makes a format valid. One set of rules for formats of our own caller and for announced ones:
 * see tensor/problem.ts. The limits keep every frame below {@link MAX_FRAME_BYTES}.
 */
import {
  choiceProblem,
  integerProblem,
  type Problem,
  rangeProblem,
  typeProblem,
} from '../tensor/problem.js';
import { freezeSpec, tensorsProblem, type TensorSpec } from '../tensor/shape.js';
import { COLOR_RANGES, type ColorSpace, guessColor } from './color.js';
import {
  AUDIO_DTYPES,
  type Format,
  type FormatPattern,
  PACKET_CODECS,
  PIXEL_FORMATS,
  type VideoFormat,
} from './format-types.js';

/** Pixels a side: 16384 × 16384 × 4 bytes is 1 GiB. */
export const MAX_VIDEO_SIDE = 16384;
export const MAX_SAMPLE_RATE_HZ = 768_000;
export const MAX_AUDIO_CHANNELS = 64;
/** 87 s at 48 kHz; with 64 channels of f32 a block has 1 GiB. */
export const MAX_AUDIO_SAMPLES = 2 ** 22;
export const MAX_MEDIA_TYPE_LENGTH = 128;

/** The fields of each kind that a complete format must have, and those it may have. */
export const FORMAT_FIELDS = Object.freeze({
  video: { required: ['width', 'height', 'pixelFormat'], optional: ['color'] },
  tensor: { required: ['tensors'], optional: [] },
  audio: { required: ['sampleRateHz', 'channels', 'dtype', 'maxSamples'], optional: [] },
  text: { required: [], optional: [] },
  bytes: { required: [], optional: ['mediaType'] },
  json: { required: [], optional: ['schema'] },
  packet: { required: ['codec'], optional: [] },
} as const satisfies Record<
  Format['kind'],
  { required: readonly string[]; optional: readonly string[] }
>);

const COLOR_NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w!#$&^.+-]+=[\w!#$&^.+-]+)*$/;

type Fields = Readonly<Record<string, unknown>>;
type FieldRule = (path: string, value: unknown) => Problem | undefined;

const integerRule =
  (min: number, max: number): FieldRule =>
  (path, value) =>
    integerProblem(path, value, min, max);
const choiceRule =
  (choices: readonly string[]): FieldRule =>
  (path, value) =>
    choiceProblem(path, value, choices);

/** By field name: no two kinds use one name for different things. */
const FIELD_RULES: Readonly<Record<string, FieldRule>> = {
  width: integerRule(1, MAX_VIDEO_SIDE),
  height: integerRule(1, MAX_VIDEO_SIDE),
  pixelFormat: choiceRule(PIXEL_FORMATS),
  color: colorProblem,
  tensors: tensorsProblem,
  sampleRateHz: integerRule(1, MAX_SAMPLE_RATE_HZ),
  channels: integerRule(1, MAX_AUDIO_CHANNELS),
  dtype: choiceRule(AUDIO_DTYPES),
  maxSamples: integerRule(1, MAX_AUDIO_SAMPLES),
  mediaType: mediaTypeProblem,
  schema: schemaProblem,
  codec: choiceRule(PACKET_CODECS),
};

/**
 * What is wrong with `value` as a format, or with `partial` as a pattern. Fields that the kind does
 * not have are not looked at.
 */
export function formatProblem(path: string, value: unknown, partial: boolean): Problem | undefined {
  if (typeof value !== 'object' || value === null) {
    return typeProblem(path, value, 'an object with a kind');
  }
  const fields = value as Fields;
  const kinds = Object.keys(FORMAT_FIELDS);
  const kindProblem = choiceProblem(`${path}.kind`, fields['kind'], kinds);
  if (kindProblem !== undefined) return kindProblem;
  const { required, optional } = FORMAT_FIELDS[fields['kind'] as Format['kind']];
  for (const field of [...required, ...optional]) {
    const found = fields[field];
    const mayMiss = partial || (optional as readonly string[]).includes(field);
    if (found === undefined && mayMiss) continue;
    const problem = FIELD_RULES[field]!(`${path}.${field}`, found);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function colorProblem(path: string, value: unknown): Problem | undefined {
  if (typeof value !== 'object' || value === null) {
    return typeProblem(path, value, 'an object with matrix, primaries, transfer, range, guessed');
  }
  const color = value as Partial<Record<keyof ColorSpace, unknown>>;
  for (const field of ['matrix', 'primaries', 'transfer'] as const) {
    const name = color[field];
    if (typeof name !== 'string') return typeProblem(`${path}.${field}`, name, 'a string');
    if (!COLOR_NAME.test(name)) {
      return rangeProblem(`${path}.${field}`, name, "at most 32 of a-z 0-9 . _ -, like 'bt709'");
    }
  }
  const problem = choiceProblem(`${path}.range`, color.range, COLOR_RANGES);
  if (problem !== undefined) return problem;
  if (typeof color.guessed === 'boolean') return undefined;
  return typeProblem(`${path}.guessed`, color.guessed, 'true or false');
}

function mediaTypeProblem(path: string, value: unknown): Problem | undefined {
  if (typeof value !== 'string') return typeProblem(path, value, 'a string');
  if (value.length <= MAX_MEDIA_TYPE_LENGTH && MEDIA_TYPE.test(value)) return undefined;
  const needed = `a media type of at most ${MAX_MEDIA_TYPE_LENGTH} characters, like 'image/png'`;
  return rangeProblem(path, value, needed);
}

function schemaProblem(path: string, value: unknown): Problem | undefined {
  const needed = "a Standard Schema: an object with '~standard'.validate()";
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    return typeProblem(path, value, needed);
  }
  const standard = (value as Fields)['~standard'] as Fields | null | undefined;
  return typeof standard?.['validate'] === 'function'
    ? undefined
    : typeProblem(path, value, needed);
}

/**
 * A copy that cannot change, of the fields the kind has. `value` has passed {@link formatProblem}.
 */
export function freezeFormat(value: Format, keepSchema: boolean): Format;
export function freezeFormat(value: FormatPattern, keepSchema: boolean): FormatPattern;
export function freezeFormat(value: FormatPattern, keepSchema: boolean): FormatPattern {
  const { required, optional } = FORMAT_FIELDS[value.kind];
  const copy: Record<string, unknown> = { kind: value.kind };
  for (const field of [...required, ...optional]) {
    const found = (value as unknown as Fields)[field];
    if (found === undefined || (field === 'schema' && !keepSchema)) continue;
    copy[field] = freezeField(field, found);
  }
  if (value.kind === 'video' && copy['color'] === undefined && isComplete(copy)) {
    const { pixelFormat, height } = copy as unknown as VideoFormat;
    copy['color'] = guessColor(pixelFormat, height);
  }
  return Object.freeze(copy) as unknown as FormatPattern;
}

/** Whether every required field of the kind is there. */
export function isComplete(pattern: object): boolean {
  const fields = pattern as Fields;
  const { required } = FORMAT_FIELDS[fields['kind'] as Format['kind']];
  return required.every((field) => fields[field] !== undefined);
}

function freezeField(field: string, value: unknown): unknown {
  if (field === 'color') {
    const { matrix, primaries, transfer, range, guessed } = value as ColorSpace;
    return Object.freeze({ matrix, primaries, transfer, range, guessed });
  }
  if (field !== 'tensors') return value;
  const specs = value as Readonly<Record<string, TensorSpec>>;
  // Without a prototype: `constructor` and `__proto__` are good names of tensors.
  const copy = Object.create(null) as Record<string, TensorSpec>;
  for (const name of Object.keys(specs)) copy[name] = freezeSpec(specs[name]!);
  return Object.freeze(copy);
}
