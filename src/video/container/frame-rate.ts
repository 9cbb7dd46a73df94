/** Frame rates as containers state them: a numerator over a denominator. */
import type { Rational } from '../ffmpeg/rational.js';

/** What a stream that states a rate is given while nobody knows it. */
export const USUAL_RATE: Rational = Object.freeze({ numerator: 25, denominator: 1 });

/** How far from a rate of NTSC a number may be and still mean it: 29.97 is 30000/1001. */
const NTSC_TOLERANCE = 0.005;

/** Frames a second as a fraction: whole numbers, the rates of NTSC, and thousandths. */
export function rationalRate(framesPerSecond: number): Rational {
  const whole = Math.round(framesPerSecond);
  if (Math.abs(framesPerSecond - whole) < 1e-6) return { numerator: whole, denominator: 1 };
  const ntsc = Math.ceil(framesPerSecond);
  if (Math.abs(framesPerSecond - (ntsc * 1000) / 1001) < NTSC_TOLERANCE) {
    return { numerator: ntsc * 1000, denominator: 1001 };
  }
  return { numerator: Math.max(1, Math.round(framesPerSecond * 1000)), denominator: 1000 };
}

/** How far from a whole rate two times may be and still mean it: containers round to milliseconds. */
const ROUNDING = 0.02;

/** The rate of frames that are `intervalNs` apart; undefined when that is no rate. */
export function rateOfInterval(intervalNs: number): Rational | undefined {
  const framesPerSecond = 1e9 / intervalNs;
  if (!(framesPerSecond >= 0.001 && framesPerSecond <= 10_000)) return undefined;
  const whole = Math.round(framesPerSecond);
  const isWhole = Math.abs(framesPerSecond - whole) < framesPerSecond * ROUNDING;
  const ntsc = rationalRate(framesPerSecond);
  return isWhole && ntsc.denominator !== 1001 ? { numerator: whole, denominator: 1 } : ntsc;
}
