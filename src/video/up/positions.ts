/** Where in a YAML text a key or a value stands. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';

export type Path = readonly PropertyKey[];

export interface Position {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export class Positions {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }

  /** Of the value; where there is none, as of what a merge brought in, of what is around it. */
  ofValue(path: Path): Position {
    return this.at(this.#walk(path).value);
  }

  ofKey(path: Path): Position {
    return this.at(this.#walk(path).key);
  }

  #walk(path: Path): { readonly key: number; readonly value: number } {
    let node: unknown = this.#document.contents;
    let found = { key: startOf(node) ?? 0, value: startOf(node) ?? 0 };
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      const next = memberOf(node, step);
      if (next === undefined) return { ...found, value: found.key };
      const key = startOf(next.key) ?? startOf(next.value) ?? found.value;
      found = { key, value: startOf(next.value) ?? key };
      node = next.value;
    }
    return found;
  }
}

function memberOf(
  node: unknown,
  step: PropertyKey,
): { readonly key: unknown; readonly value: unknown } | undefined {
  if (isMap(node)) {
    const isIt = ({ key }: { key: unknown }): boolean =>
      isScalar(key) && String(key.value) === String(step);
    return node.items.find(isIt);
  }
  if (isSeq(node) && typeof step === 'number') {
    const value = node.items[step];
    return value === undefined ? undefined : { key: value, value };
  }
  return undefined;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
