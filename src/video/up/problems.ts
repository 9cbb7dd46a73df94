/** What is wrong with a file, in words: where, what was found, what was wanted, and what may have been meant. */
import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { describe, printable } from '../../core/index.js';
import type { Path, Position, Positions } from './positions.js';

export interface Problem extends Position {
  /** `cameras.camera/door.decode`; '' for the whole file. */
  readonly key: string;
  readonly message: string;
}

/** What may have a password in it is not repeated. */
const SECRET_KEYS = new Set(['input', 'url', 'username', 'password']);

export function problemAt(position: Position, path: Path, message: string): Problem {
  return { ...position, key: printable(path.join('.'), 200), message: printable(message, 500) };
}

/** One line for a person: `FILE:LINE:COLUMN: key: what is wrong`. */
export function describeProblem(path: string, { line, column, key, message }: Problem): string {
  const place = `${printable(path, 200)}:${line}:${column}`;
  return `${place}: ${key === '' ? '' : `${key}: `}${message}`;
}

/** `value`: the file as it is written, before variables are put in. */
export function problemsOf(
  error: z.ZodError,
  schema: z.ZodType,
  value: unknown,
  positions: Positions,
): Problem[] {
  return error.issues.flatMap((issue) => {
    const { path } = issue;
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, path);
      return issue.keys.map((key) => {
        const full = [...path, key];
        const meant = suggestion(key, known) ?? ` Known are ${known.join(', ')}.`;
        const message = `there is no such key.${meant}`;
        return problemAt(positions.ofKey(full), full, message);
      });
    }
    if (issue.code === 'invalid_key') {
      const wanted = issue.issues.map(({ message }) => message).join('; ');
      const name = describe(path.at(-1));
      return [problemAt(positions.ofKey(path), path, `found ${name}, wanted ${wanted}.`)];
    }
    const found = valueAt(value, path);
    if (found === undefined) {
      const parent = positions.ofKey(path.slice(0, -1));
      return [problemAt(parent, path, `is missing, wanted ${issue.message}.`)];
    }
    const choices = issue.code === 'invalid_value' ? issue.values.map(String) : [];
    const meant = typeof found === 'string' ? (suggestion(found, choices) ?? '') : '';
    const shown = typeof found === 'string' && isSecret(path) ? 'other text' : shortly(found);
    const message = `found ${shown}, wanted ${issue.message}.${meant}`;
    return [problemAt(positions.ofValue(path), path, message)];
  });
}

export function isSecret(path: Path): boolean {
  return path.some((step) => SECRET_KEYS.has(String(step)));
}

function shortly(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : describe(value);
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inside, step) => {
    const isInside = typeof inside === 'object' && inside !== null && Object.hasOwn(inside, step);
    return isInside ? (inside as Record<PropertyKey, unknown>)[step] : undefined;
  }, value);
}

/** The nearest name, when it is near enough to have been meant. */
function suggestion(name: string, known: readonly string[]): string | undefined {
  const short = name.slice(0, 64);
  const away = (other: string): number => distance(short.toLowerCase(), other.toLowerCase());
  const [nearest] = known.toSorted((a, b) => away(a) - away(b));
  if (nearest === undefined || away(nearest) > Math.max(1, Math.floor(nearest.length * 0.4))) {
    return undefined;
  }
  return ` Did you mean ${nearest}?`;
}

/** The keys that a mapping at this place may have. */
function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  let inside: unknown = bare(schema);
  for (const step of path) {
    if (inside instanceof z.ZodObject) inside = bare(inside.shape[String(step)]);
    else if (inside instanceof z.ZodRecord) inside = bare(inside.valueType);
  }
  return inside instanceof z.ZodObject ? Object.keys(inside.shape) : [];
}

/** Without what makes it optional or changes what comes out. */
function bare(schema: unknown): unknown {
  if (schema instanceof z.ZodExactOptional) return bare(schema.unwrap());
  return schema instanceof z.ZodPipe ? bare(schema.in) : schema;
}
