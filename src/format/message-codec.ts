/**
 * Messages as bytes and back, by the channel's format. Reading never trusts the bytes: they come
 * from elsewhere.
 */
import { describe, printable, SluiceError } from '../core/index.js';
import type { JsonFormat, MessageFormat, Payload, StandardSchema } from './format-types.js';

/**
 * Of the Encoding standard, a global of Node and of browsers; this layer has no types of either.
 */
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: 'utf-8',
  options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
/** A byte order mark is kept: text arrives as it was sent. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const MAX_ISSUES = 16;

/**
 * The bytes of a message. A `Uint8Array` goes as it is, without a copy or a check: it is already
 * encoded. A lone surrogate in a text has no UTF-8 and becomes U+FFFD. A schema checks the value;
 * what is sent is the value itself, not the schema's output, so that the schema of a subscriber
 * sees what the publisher gave.
 * @throws TypeError when the value has the wrong type or no JSON, or the schema is asynchronous.
 * @throws SluiceError INVALID_MESSAGE when the schema refuses it.
 */
export function encodeMessage<F extends MessageFormat>(
  format: F,
  value: Payload<F> | Uint8Array,
): Uint8Array;
export function encodeMessage(format: MessageFormat, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (format.kind === 'json') return encodeJson(format, value);
  if (format.kind === 'text' && typeof value === 'string') return encoder.encode(value);
  const needed = format.kind === 'text' ? 'a string or a Uint8Array' : 'a Uint8Array';
  throw new TypeError(
    `a message of a ${format.kind} channel must be ${needed}, got ${describe(value)}`,
  );
}

function encodeJson(format: JsonFormat, value: unknown): Uint8Array {
  if (format.schema !== undefined) validate(format.schema, value, 'send');
  const json = JSON.stringify(value) as string | undefined;
  if (json !== undefined) return encoder.encode(json);
  throw new TypeError(`a message of a json channel must be a JSON value, got ${describe(value)}`);
}

/**
 * The value of a message. `bytes` and `packet` return the bytes they were given, not a copy.
 * @throws SluiceError INVALID_MESSAGE when the bytes are not UTF-8, not JSON, or the schema refuses
 * the value.
 * @throws TypeError when the schema is asynchronous.
 */
export function decodeMessage<F extends MessageFormat>(format: F, bytes: Uint8Array): Payload<F>;
export function decodeMessage(format: MessageFormat, bytes: Uint8Array): unknown {
  switch (format.kind) {
    case 'bytes':
    case 'packet':
      return bytes;
    case 'text':
      return decodeText(bytes);
    case 'json': {
      const value = parseJson(decodeText(bytes), bytes.byteLength);
      return format.schema === undefined ? value : validate(format.schema, value, 'read');
    }
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    const byteLength = bytes.byteLength;
    throw new SluiceError('INVALID_MESSAGE', `a message of ${byteLength} bytes is not UTF-8`, {
      details: { byteLength },
      cause,
    });
  }
}

function parseJson(text: string, byteLength: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const reason = printable(cause instanceof Error ? cause.message : 'not JSON');
    // No `cause`: its message quotes the foreign text raw.
    throw new SluiceError(
      'INVALID_MESSAGE',
      `a message of ${byteLength} bytes is not JSON: ${reason}`,
      {
        details: { byteLength, reason },
      },
    );
  }
}

function validate<T>(schema: StandardSchema<T>, value: unknown, attempt: 'send' | 'read'): T {
  const result = schema['~standard'].validate(value);
  if (isThenable(result)) {
    // The answer comes too late; its failure must not become an unhandled rejection as well.
    result.then(undefined, () => undefined);
    throw new TypeError(
      'the schema given to json() is asynchronous: only synchronous schemas are supported',
    );
  }
  if ('issues' in result && result.issues) throw refusal(result.issues, attempt);
  return (result as { value: T }).value;
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null)?.then === 'function';
}

function refusal(issues: readonly unknown[], attempt: 'send' | 'read'): SluiceError {
  const shown = issues.slice(0, MAX_ISSUES).map(issueFacts);
  const first = shown[0];
  const where = first === undefined || first.path === '' ? '' : ` at ${first.path}`;
  const why = first === undefined ? '' : `${where}: ${first.message}`;
  return new SluiceError(
    'INVALID_MESSAGE',
    `cannot ${attempt} a message: its schema refused it${why}`,
    {
      details: { issues: shown, issueCount: issues.length },
    },
  );
}

/** `message` and `path` of a Standard Schema issue; they may quote the foreign value. */
function issueFacts(issue: unknown): { readonly message: string; readonly path: string } {
  const { message, path } = (issue ?? {}) as { message?: unknown; path?: unknown };
  const segments = Array.isArray(path) ? path : [];
  const keys = segments.map((segment: unknown) => {
    const isSegment = typeof segment === 'object' && segment !== null && 'key' in segment;
    return String(isSegment ? segment.key : segment);
  });
  return {
    message: printable(typeof message === 'string' ? message : 'refused'),
    path: printable(keys.join('.')),
  };
}
