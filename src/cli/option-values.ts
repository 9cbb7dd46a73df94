/** Values of options, checked. A wrong one is a UsageError that names the option, the value and what is meant. */
import { isChannelPattern, assertChannelName, assertChannelPattern } from '../core/index.js';
import { PIXEL_FORMATS, video, type PixelFormat, type VideoFormat } from '../format/index.js';
import { asUsage, UsageError } from './run.js';

/** Integers larger than any count of anything here. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

function refuse(option: string, value: string, meant: string): never {
  throw new UsageError(`${option} ${JSON.stringify(value)}: must be ${meant}`);
}

/** An integer from `min` on. */
export function atLeast(option: string, min: number): (value: string) => number {
  return (value) => {
    const count = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (!(count >= min && count <= MAX_COUNT)) refuse(option, value, `an integer from ${min} on`);
    return count;
  };
}

/** An integer from 0 to `max`. */
export function atMost(option: string, max: number): (value: string) => number {
  return (value) => {
    const count = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (!(count <= max)) refuse(option, value, `an integer from 0 to ${max}`);
    return count;
  };
}

/** Collects an option that may be given several times. */
export function listOf<T>(parse: (value: string) => T): (value: string, before?: T[]) => T[] {
  return (value, before = []) => [...before, parse(value)];
}

/** setTimeout takes 32-bit milliseconds and takes more for 1. */
const MAX_SECONDS = 2_000_000;

export function positiveSeconds(option: string): (value: string) => number {
  return (value) => {
    const seconds = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
      refuse(option, value, `seconds, more than 0 and at most ${MAX_SECONDS}`);
    }
    return seconds;
  };
}

const SECONDS_OF = Object.freeze({ s: 1, m: 60, h: 3600, d: 86_400 });

/** `7d`, `12h`, `90m`, `30s`: in seconds. */
export function duration(option: string): (value: string) => number {
  return (value) => {
    const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(value) ?? [];
    const seconds = Number(count) * (SECONDS_OF[unit as keyof typeof SECONDS_OF] ?? 0);
    if (!(seconds > 0 && seconds <= 1e9)) refuse(option, value, 'a time, as 7d, 12h, 90m or 30s');
    return seconds;
  };
}

/** One of these words. */
export function oneOf<T extends string>(option: string, words: readonly T[]): (value: string) => T {
  return (value) => {
    const word = words.find((candidate) => candidate === value);
    return word ?? refuse(option, value, words.join(' or '));
  };
}

/** Several of `words`, with commas between them. */
export function someOf<T extends string>(
  option: string,
  words: readonly T[],
): (value: string) => readonly T[] {
  const one = oneOf(option, words);
  return (value) => value.split(',').map(one);
}

export function framesPerSecond(option: string): (value: string) => number {
  return (value) => {
    const rate = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(rate > 0 && rate <= 10_000))
      refuse(option, value, 'a rate, more than 0 and at most 10000');
    return rate;
  };
}

/** `nv12:640x480`. */
export function videoFormat(option: string): (value: string) => VideoFormat {
  return (value) => {
    const [, pixelFormat = '', width, height] = /^(\w+):(\d+)x(\d+)$/.exec(value) ?? [];
    if (!(PIXEL_FORMATS as readonly string[]).includes(pixelFormat)) {
      refuse(option, value, `PIXELS:WIDTHxHEIGHT, where PIXELS is ${PIXEL_FORMATS.join(' ')}`);
    }
    return asUsage(() =>
      video({
        pixelFormat: pixelFormat as PixelFormat,
        width: Number(width),
        height: Number(height),
      }),
    );
  };
}

/** `0.5`, `4`, `max`. */
export function replaySpeed(option: string): (value: string) => number {
  return (value) => {
    if (value === 'max') return Infinity;
    const speed = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(speed > 0 && speed <= 1000)) refuse(option, value, 'more than 0, at most 1000, or max');
    return speed;
  };
}

/** `640x480`. */
export function pictureSize(option: string): (value: string) => { width: number; height: number } {
  return (value) => {
    const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(value) ?? [];
    const size = { width: Number(width), height: Number(height) };
    if (!(size.width > 0 && size.height > 0)) refuse(option, value, 'WIDTHxHEIGHT, as 640x480');
    asUsage(() => video(size));
    return size;
  };
}

/** Names with commas between. */
export function nameList(option: string): (value: string) => readonly string[] {
  return (value) => {
    const names = value.split(',').map((name) => name.trim());
    if (names.includes('')) refuse(option, value, 'names with commas between, as fix,test');
    return names;
  };
}

/** `120x40`. */
export function terminalSize(option: string): (value: string) => { columns: number; rows: number } {
  return (value) => {
    const [, columns, rows] = /^(\d{1,4})x(\d{1,4})$/.exec(value) ?? [];
    const size = { columns: Number(columns), rows: Number(rows) };
    const isRight =
      size.columns >= 2 && size.columns <= 1000 && size.rows >= 1 && size.rows <= 1000;
    if (!isRight) refuse(option, value, 'COLUMNSxROWS, as 120x40, at most 1000 each');
    return size;
  };
}

/** `0.485,0.456,0.406`. */
export function numberList(option: string): (value: string) => readonly number[] {
  return (value) => {
    const numbers = value
      .split(',')
      .map((word) => (word.trim() === '' ? Number.NaN : Number(word)));
    if (!numbers.every(Number.isFinite)) refuse(option, value, 'numbers with commas between');
    return numbers;
  };
}

/** `newest`, `oldest` or a sequence. */
export function startPosition(option: string): (value: string) => 'newest' | 'oldest' | number {
  return (value) => {
    if (value === 'newest' || value === 'oldest') return value;
    if (!/^\d{1,15}$/.test(value)) refuse(option, value, 'newest, oldest or a sequence');
    return Number(value);
  };
}

export function channelName(value: string): string {
  if (isChannelPattern(value)) {
    throw new UsageError(`${JSON.stringify(value)} is a pattern: this command takes one channel`);
  }
  asUsage(() => assertChannelName(value));
  return value;
}

export function channelPattern(value: string): string {
  asUsage(() => assertChannelPattern(value));
  return value;
}
