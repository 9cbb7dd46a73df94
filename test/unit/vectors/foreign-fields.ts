/** Foreign JSON by section 3 of spec/protocol.md. Written from the document: nothing here comes from src/. */

/** What a receiver must not accept: the class of the problem and what is named. */
export class Refused extends Error {
  constructor(
    readonly problem: string,
    readonly field = '',
  ) {
    super(`${problem} ${field}`);
  }
}

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a JSON number is a whole one within bounds. */
export function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value % 1 === 0 && value >= least && value <= most;
}

/** An object whose fields are asked for one by one. `path` stands before their names in refusals. */
export class Fields {
  readonly value: Json;
  readonly path: string;

  constructor(value: unknown, path: string) {
    if (!isObject(value)) throw new Refused('field', path);
    this.value = value;
    this.path = path;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.value, key);
  }

  raw(key: string): unknown {
    return this.has(key) ? this.value[key] : undefined;
  }

  refuse(key: string): never {
    throw new Refused('field', this.path === '' ? key : `${this.path}.${key}`);
  }

  integer(key: string, least: number, most: number): number {
    const found = this.raw(key);
    return isWhole(found, least, most) ? found : this.refuse(key);
  }

  finite(key: string, least = -Number.MAX_VALUE, most = Number.MAX_VALUE): number {
    const found = this.raw(key);
    if (typeof found === 'number' && found >= least && found <= most) return found;
    return this.refuse(key);
  }

  text(key: string, most = Number.MAX_SAFE_INTEGER): string {
    const found = this.raw(key);
    return typeof found === 'string' && found.length <= most ? found : this.refuse(key);
  }

  matching(key: string, pattern: RegExp): string {
    const found = this.raw(key);
    return typeof found === 'string' && pattern.test(found) ? found : this.refuse(key);
  }

  oneOf(key: string, choices: readonly string[]): string {
    const found = this.raw(key);
    return typeof found === 'string' && choices.includes(found) ? found : this.refuse(key);
  }

  boolean(key: string): boolean {
    const found = this.raw(key);
    return typeof found === 'boolean' ? found : this.refuse(key);
  }

  object(key: string): Json {
    const found = this.raw(key);
    return isObject(found) ? found : this.refuse(key);
  }
}

export function parseJson(bytes: Uint8Array, name: string): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused('utf-8', name);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused('json', name);
  }
}
