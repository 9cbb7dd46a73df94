/** Checks of public arguments: a wrong one throws `TypeError` or `RangeError` that names it, its value and its range. */

/** Throws unless `value` is an integer in `[min, max]`. `name` is the option as the caller wrote it. */
export function assertInteger(
  name: string,
  value: unknown,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value !== 'number')
    throw new TypeError(`${name} must be an integer, got ${describe(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, got ${value}`);
  }
}

/** Throws unless `value` is one of `choices`. */
export function assertOneOf<T extends string>(
  name: string,
  value: unknown,
  choices: readonly T[],
): asserts value is T {
  if (!(choices as readonly unknown[]).includes(value)) {
    throw new TypeError(
      `${name} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, got ${describe(value)}`,
    );
  }
}

/** Throws when `options` has a key outside `known`: a misspelt option must not be ignored. */
export function assertKnownKeys(what: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw new TypeError(`${what} has no option '${key}'; it has ${known.join(', ')}`);
  }
}

/** A short, safe description of a value for a message. */
export function describe(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' || typeof value === 'function'
    ? `a ${typeof value}`
    : String(value);
}
