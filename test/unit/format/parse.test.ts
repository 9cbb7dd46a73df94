import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isSluiceError } from '../../../src/core/index.js';
import {
  completeFormat,
  describeFormat,
  type Format,
  formatMismatch,
  formatToJson,
  frameByteLength,
  frameLayout,
  json,
  parseFormat,
  tensors,
  videoPlanes,
} from '../../../src/format/index.js';
import { MAX_FRAME_BYTES, MAX_VARIABLE_DIMENSIONS } from '../../../src/tensor/index.js';
import { formats } from './format-arbitraries.js';

/** What must hold of every format that was accepted, however hostile its origin. */
function assertBounded(format: Format): void {
  assert.ok(Object.isFrozen(format));
  assert.match(describeFormat(format), /^[ -~≤]+$/);
  if (format.kind === 'video') {
    for (const plane of videoPlanes(format)) assert.ok(Number.isSafeInteger(plane.byteLength));
  }
  if (format.kind !== 'video' && format.kind !== 'tensor' && format.kind !== 'audio') return;
  const byteLength = frameByteLength(format);
  assert.ok(Number.isInteger(byteLength) && byteLength >= 1 && byteLength <= MAX_FRAME_BYTES);
  const layout = frameLayout(format);
  assert.ok(layout.variableDimensionCount <= MAX_VARIABLE_DIMENSIONS);
  for (const { byteOffset, byteLength: tensorByteLength } of layout.tensors) {
    assert.ok(byteOffset % 64 === 0 && byteOffset + tensorByteLength <= byteLength);
  }
}

/** Parses; a bounded format or PROTOCOL are the only outcomes. */
function parseHostile(value: unknown): Format | undefined {
  try {
    const format = parseFormat(value);
    assertBounded(format);
    return format;
  } catch (error) {
    if (!isSluiceError(error, 'PROTOCOL')) throw error;
    assert.doesNotMatch(error.message, /[^ -~…\u00a0-\uffff]/u);
    assert.ok(error.message.length < 1200);
    return undefined;
  }
}

const hostileNumber = fc.oneof(
  fc.constantFrom(0, -0, -1, 1, 1.5, NaN, Infinity, -Infinity),
  fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, 16384, 16385),
  fc.integer({ min: 0, max: 100_000 }),
);
const hostileValue = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 64 }) },
  { weight: 1, arbitrary: hostileNumber },
  { weight: 1, arbitrary: fc.array(hostileNumber, { maxLength: 10 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(null, true, '', 'nv12', '\u001b[2J', '\u202e', [], {}, '__proto__'),
  },
  {
    weight: 1,
    arbitrary: fc.anything({ withNullPrototype: true, withBigInt: true, withMap: true }),
  },
);

/** A copy of `value` in which the field at `path`, at any depth, was replaced. */
function mutate(value: unknown, path: readonly number[], replacement: unknown): unknown {
  if (typeof value !== 'object' || value === null || path.length === 0) return replacement;
  const keys = Object.keys(value);
  if (keys.length === 0) return replacement;
  const key = keys[path[0]! % keys.length]!;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  copy[key] = mutate(copy[key], path.slice(1), replacement);
  return copy;
}

describe('an announced format', () => {
  it('comes back from JSON as it was', () => {
    fc.assert(
      fc.property(formats, (candidate) => {
        const format = completeFormat(candidate);
        const text = JSON.stringify(formatToJson(format));
        const back = parseFormat(JSON.parse(text));
        assert.deepEqual(back, format);
        assert.equal(JSON.stringify(formatToJson(back)), text);
        assert.equal(formatMismatch(back, format), undefined);
        assertBounded(back);
      }),
    );
  });

  it('of arbitrary shape is bounded or refused as PROTOCOL', () => {
    const anything = fc.anything({
      withNullPrototype: true,
      withBigInt: true,
      withTypedArray: true,
    });
    fc.assert(fc.property(anything, (value) => void parseHostile(value)));
  });

  it('with some hostile fields is bounded or refused as PROTOCOL', () => {
    const where = fc.array(fc.nat(20), { minLength: 1, maxLength: 4 });
    const changes = fc.array(fc.tuple(where, hostileValue), { minLength: 1, maxLength: 2 });
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(formats, changes, (format, edits) => {
        let value: unknown = format;
        for (const [path, replacement] of edits) value = mutate(value, path, replacement);
        if (parseHostile(value) === undefined) refused++;
        else accepted++;
      }),
      { numRuns: 2000 },
    );
    assert.ok(accepted > 20 && refused > 20, `${accepted} accepted, ${refused} refused`);
  });

  it('of a kind with hostile numbers is bounded or refused as PROTOCOL', () => {
    const value = fc.record({
      kind: fc.constantFrom('video', 'tensor', 'audio'),
      width: hostileNumber,
      height: hostileNumber,
      pixelFormat: fc.constantFrom('nv12', 'i420', 'rgba'),
      sampleRateHz: hostileNumber,
      channels: hostileNumber,
      dtype: fc.constant('f32'),
      maxSamples: hostileNumber,
      tensors: fc.dictionary(
        fc.constantFrom('a', 'b', '__proto__', 'constructor', 'x y'),
        fc.record({
          dtype: fc.constantFrom('u8', 'f64'),
          shape: fc.array(hostileNumber, { maxLength: 9 }),
          strides: fc.option(fc.array(hostileNumber, { maxLength: 3 }), { nil: undefined }),
          variable: fc.boolean(),
        }),
      ),
    });
    fc.assert(
      fc.property(value, (each) => void parseHostile(each)),
      { numRuns: 1000 },
    );
  });

  it('names the path of what is wrong, safe for a terminal', () => {
    const foreign = {
      kind: 'tensor',
      tensors: { ids: { dtype: 'i64', shape: [1, 2, '\u001b[2J'] } },
    };
    assert.throws(() => parseFormat(foreign), {
      code: 'PROTOCOL',
      message:
        'cannot read an announced format: ' +
        'format.tensors.ids.shape[2] must be an integer, got "\\u001b[2J"',
    });
    assert.throws(
      () => parseFormat({ kind: 'text\u202e' }, 'manifest.format'),
      (error) => {
        assert.ok(isSluiceError(error, 'PROTOCOL'));
        assert.match(error.message, /manifest\.format\.kind must be 'video'.*"text\\u\{202e\}"$/);
        assert.deepEqual(error.details['path'], 'manifest.format.kind');
        return true;
      },
    );
  });

  it('may have fields of a newer version, which are left out', () => {
    assert.deepEqual(parseFormat({ kind: 'text', language: 'en' }), { kind: 'text' });
    const format = parseFormat({
      kind: 'tensor',
      tensors: { a: { dtype: 'u8', shape: [1], x: 1 } },
    });
    assert.deepEqual(JSON.parse(JSON.stringify(format)), {
      kind: 'tensor',
      tensors: { a: { dtype: 'u8', shape: [1] } },
    });
  });

  it('never carries a schema', () => {
    const schema = { '~standard': { validate: (value: unknown) => ({ value }) } };
    assert.deepEqual(formatToJson(json(schema)), { kind: 'json' });
    assert.deepEqual(parseFormat({ kind: 'json', schema: { '~standard': 7 } }), { kind: 'json' });
    assert.deepEqual(parseFormat({ kind: 'json', schema }), { kind: 'json' });
  });

  it('has a zero without sign', () => {
    const format = tensors({ a: { dtype: 'u8', shape: [-0] } });
    assert.ok(Object.is(format.tensors.a.shape[0], 0));
  });
});
