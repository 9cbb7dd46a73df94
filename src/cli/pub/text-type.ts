/** The value of `--type`: what a message is, by name or number. */
import {
  TEXT_COLORS,
  TEXT_TYPE,
  TEXT_TYPE_NAMES,
  type TextTypeName,
} from '../../terminal/stream/index.js';
import { UsageError } from '../run.js';

const LARGEST = 255;

/** `system (cyan), user (green) …`, for help. */
export function textTypes(): string {
  return TEXT_TYPE_NAMES.map((name) => `${name} (${TEXT_COLORS[name].color})`).join(', ');
}

export function isTextType(value: string): value is TextTypeName {
  return Object.hasOwn(TEXT_TYPE, value);
}

export function textType(value: string): number {
  if (isTextType(value)) return TEXT_TYPE[value];
  const number = /^\d{1,3}$/.test(value) ? Number(value) : Number.NaN;
  if (number <= LARGEST) return number;
  throw new UsageError(
    `--type ${JSON.stringify(value)}: must be ${TEXT_TYPE_NAMES.join(', ')}, or 0 to ${LARGEST}`,
  );
}
