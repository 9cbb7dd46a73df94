/**
 * Reading JSON that another process wrote: each field is asked for by name, type and range, and
 * whatever is not asked for is ignored. Failures are PROTOCOL errors that name the source and the
 * path of the field.
 */
import { describe, printable, SluiceError } from '../../core/index.js';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * `source` says whose words these are, as `manifest /run/…/a.json`; it must be printable.
 */
export function protocolError(
  source: string,
  path: string,
  problem: string,
): SluiceError<'PROTOCOL'> {
  return new SluiceError('PROTOCOL', `${source}: ${path === '' ? 'it' : path} ${problem}`, {
    details: { source, field: path, problem },
  });
}

/** A foreign object whose fields are read one by one. */
export class ForeignObject {
  readonly #value: object;
  readonly #source: string;
  readonly #path: string;

  /** Throws unless `value` is an object and no array. `path` is '' for the whole document. */
  constructor(value: unknown, source: string, path = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw protocolError(source, path, `must be an object, got ${shown(value)}`);
    }
    this.#value = value;
    this.#source = source;
    this.#path = path;
  }

  /** The own property, or undefined: what a prototype carries is not what the peer sent. */
  raw(key: string): unknown {
    return Object.hasOwn(this.#value, key) ? Reflect.get(this.#value, key) : undefined;
  }

  object(key: string): ForeignObject {
    return new ForeignObject(this.raw(key), this.#source, this.#pathOf(key));
  }

  integer(key: string, min: number, max: number): number {
    const value = this.raw(key);
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    throw this.#refuse(key, `must be an integer from ${min} to ${max}, got ${shown(value)}`);
  }

  finite(key: string, min: number, max: number): number {
    const value = this.raw(key);
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw this.#refuse(key, `must be a number from ${min} to ${max}, got ${shown(value)}`);
  }

  /** At most `maxLength` UTF-16 units. The text stays as it is: print it through `printable()`. */
  text(key: string, maxLength: number): string {
    const value = this.raw(key);
    if (typeof value === 'string' && value.length <= maxLength) return value;
    throw this.#refuse(
      key,
      `must be a text of at most ${maxLength} characters, got ${shown(value)}`,
    );
  }

  /** `wanted` describes the expression in words. */
  matching(key: string, expression: RegExp, wanted: string): string {
    const value = this.raw(key);
    if (typeof value === 'string' && expression.test(value)) return value;
    throw this.#refuse(key, `must be ${wanted}, got ${shown(value)}`);
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T {
    const value = this.raw(key);
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    throw this.#refuse(key, `must be ${choices.join(' or ')}, got ${shown(value)}`);
  }

  #pathOf(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  #refuse(key: string, problem: string): SluiceError<'PROTOCOL'> {
    return protocolError(this.#source, this.#pathOf(key), problem);
  }
}

/** Why a value is no plain JSON of bounded depth, and where. */
export interface JsonProblem {
  readonly path: string;
  readonly problem: string;
}

/**
 * Whether arrays and objects nest at most `maxDepth` deep, the value itself included. Ends on
 * cycles.
 */
export function nestsWithin(value: unknown, maxDepth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (maxDepth === 0) return false;
  return Object.values(value).every((entry) => nestsWithin(entry, maxDepth - 1));
}

/**
 * A deep-frozen copy of plain JSON whose objects have no prototype, or the first thing that is no
 * plain JSON. `__proto__` is refused as a key: copied by assignment it would replace the prototype
 * of somebody's object.
 */
export function copyPlainJson(
  value: unknown,
  path: string,
  maxDepth: number,
): { readonly copy: JsonValue } | JsonProblem {
  try {
    return { copy: copyOf(value, path, maxDepth) };
  } catch (error) {
    if (error instanceof NotPlainJson) return { path: error.path, problem: error.message };
    throw error;
  }
}

class NotPlainJson extends Error {
  readonly path: string;
  constructor(path: string, problem: string) {
    super(problem);
    this.path = path;
  }
}

function copyOf(value: unknown, path: string, depthLeft: number): JsonValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw new NotPlainJson(path, `must be a finite number, got ${value}`);
  }
  if (typeof value !== 'object') {
    throw new NotPlainJson(path, `must be plain JSON, got ${shown(value)}`);
  }
  if (depthLeft === 0) throw new NotPlainJson(path, 'nests too deep');
  if (Array.isArray(value)) {
    // Array.from and not map: a hole must be seen as undefined.
    const entries = Array.from(value as readonly unknown[], (entry, index) =>
      copyOf(entry, `${path}[${index}]`, depthLeft - 1),
    );
    return Object.freeze(entries);
  }
  return copyOfObject(value, path, depthLeft);
}

function copyOfObject(value: object, path: string, depthLeft: number): JsonObject {
  // Not compared with Object.prototype: a plain object of another realm (node:vm) has its own one.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new NotPlainJson(path, 'must be a plain object');
  }
  const copy = Object.create(null) as Record<string, JsonValue>;
  for (const [key, entry] of Object.entries(value)) {
    const entryPath = `${path}.${printable(key, 64)}`;
    if (key === '__proto__') throw new NotPlainJson(entryPath, 'is not allowed as a key');
    copy[key] = copyOf(entry, entryPath, depthLeft - 1);
  }
  return Object.freeze(copy);
}

/** A foreign value in a message: short and printable. */
function shown(value: unknown): string {
  return printable(describe(value), 96);
}
