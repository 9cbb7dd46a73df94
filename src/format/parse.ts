/** Formats as JSON: what a manifest announces. */
import { SluiceError } from '../core/index.js';
import { problemText } from '../tensor/problem.js';
import { formatProblem, freezeFormat } from './format-rules.js';
import type { Format } from './format-types.js';

/**
 * A format from foreign JSON, as a frozen object of known fields. Unknown fields are ignored: a
 * newer version may have more. Every geometry it states is within bounds.
 * @param path where the value stands, for the message.
 * @throws SluiceError PROTOCOL, which names the path of the first bad field.
 */
export function parseFormat(value: unknown, path = 'format'): Format {
  const problem = formatProblem(path, withoutSchema(value), false);
  if (problem !== undefined) {
    throw new SluiceError('PROTOCOL', `cannot read an announced format: ${problemText(problem)}`, {
      details: { path: problem.path, needed: problem.needed },
    });
  }
  return freezeFormat(value as Format, false);
}

/**
 * A schema is code of one process: whatever stands in that field of foreign JSON is an unknown
 * field.
 */
function withoutSchema(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return value;
  const { schema: _, ...rest } = value;
  return rest;
}

/** The format as plain JSON, for `JSON.stringify`. The schema of a JSON format stays behind. */
export function formatToJson(format: Format): Readonly<Record<string, unknown>> {
  return freezeFormat(format, false) as unknown as Readonly<Record<string, unknown>>;
}
