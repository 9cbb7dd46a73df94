/**
 * Snapshots of an agent: every number, typed array and object reachable from it, by content.
 *
 * The code under test keeps its state in plain fields (TypeScript's `private` leaves them enumerable), so a snapshot
 * can put an agent back to where an operation began. Objects keep their identity; two snapshots with equal content
 * have equal keys.
 */

export interface Snapshot {
  readonly key: string;
  restore(): void;
}

interface Saved {
  restore(): void;
}

/** Objects that never change: compared by identity, not looked into. */
const atoms = new WeakMap<object, number>();
let atomCount = 0;

export function declareAtom<T extends object>(object: T): T {
  if (!atoms.has(object)) atoms.set(object, atomCount++);
  return object;
}

class Capture {
  readonly saved: Saved[] = [];
  private readonly seen = new Map<object, number>();
  private readonly parts: string[] = [];

  get key(): string {
    return this.parts.join('');
  }

  value(value: unknown): void {
    if (typeof value === 'object' && value !== null) this.object(value);
    else if (typeof value === 'function') this.parts.push('f,');
    else this.parts.push(Object.is(value, -0) ? '-0,' : `${String(value)},`);
  }

  private object(object: object): void {
    const atom = atoms.get(object);
    if (atom !== undefined) {
      this.parts.push(`@${atom},`);
      return;
    }
    const known = this.seen.get(object);
    if (known !== undefined) {
      this.parts.push(`#${known},`);
      return;
    }
    this.seen.set(object, this.seen.size);
    if (ArrayBuffer.isView(object)) this.typedArray(object);
    else if (Array.isArray(object)) this.array(object);
    else if (object instanceof Map) this.map(object as Map<number, number>);
    else this.fields(object as Record<string, unknown>);
  }

  private fields(object: Record<string, unknown>): void {
    const keys = Object.keys(object);
    const values = keys.map((key) => object[key]);
    this.saved.push({
      restore: () => {
        for (let i = 0; i < keys.length; i++) object[keys[i] as string] = values[i];
      },
    });
    this.parts.push('{');
    for (const value of values) this.value(value);
    this.parts.push('}');
  }

  private array(array: unknown[]): void {
    const copy = [...array];
    this.saved.push({
      restore: () => {
        array.length = copy.length;
        for (let i = 0; i < copy.length; i++) array[i] = copy[i];
      },
    });
    this.parts.push('[');
    for (const value of copy) this.value(value);
    this.parts.push(']');
  }

  private map(map: Map<number, number>): void {
    const entries = [...map].toSorted(([a], [b]) => a - b);
    this.saved.push({
      restore: () => {
        map.clear();
        for (const [key, value] of entries) map.set(key, value);
      },
    });
    this.parts.push(`(${entries.join(';')})`);
  }

  /** Two views of one buffer are one thing, saved once. Long arrays of zeros are common and saved as such. */
  private typedArray(view: ArrayBufferView): void {
    if (this.seen.has(view.buffer)) {
      this.parts.push(`v${this.seen.get(view.buffer)},`);
      return;
    }
    this.seen.set(view.buffer, this.seen.size);
    const content = new Uint8Array(view.buffer);
    const nonZero = content.byteLength % 4 === 0 ? wordsOf(view.buffer) : bytesOf(content);
    const copy = nonZero === '' ? undefined : content.slice();
    this.saved.push({
      restore: () => {
        if (copy === undefined) content.fill(0);
        else content.set(copy);
      },
    });
    this.parts.push(`<${content.byteLength}:${nonZero}>`);
  }
}

function wordsOf(buffer: ArrayBufferLike): string {
  const words = new Int32Array(buffer);
  let text = '';
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) text += `${i}=${words[i]};`;
  return text;
}

function bytesOf(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) text += `${i}=${bytes[i]};`;
  return text;
}

export function capture(root: object): Snapshot {
  const found = new Capture();
  found.value(root);
  const { saved } = found;
  return {
    key: found.key,
    restore() {
      for (const entry of saved) entry.restore();
    },
  };
}
