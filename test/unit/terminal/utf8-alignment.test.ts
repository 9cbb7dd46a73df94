import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Utf8Alignment } from '../../../src/terminal/screen/index.js';

/** What comes out of an alignment, put together. */
function through(alignment: Utf8Alignment, pieces: readonly Uint8Array[]): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const text = (part: Uint8Array | string): string =>
    typeof part === 'string' ? part : decoder.decode(part);
  return pieces.map((piece) => text(alignment.push(piece))).join('') + text(alignment.end());
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (const size of sizes) {
    pieces.push(bytes.subarray(start, start + size));
    start += size;
  }
  pieces.push(bytes.subarray(start));
  return pieces;
}

/** Bytes in which characters, broken characters and controls are common. */
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }).map((text) => new TextEncoder().encode(text)),
  fc.uint8Array({ maxLength: 6 }),
  fc.constantFrom(
    Uint8Array.of(0xe2, 0x80),
    Uint8Array.of(0xe2, 0x80, 0xa6),
    Uint8Array.of(0xf0, 0x9f, 0x91),
    Uint8Array.of(0xc2, 0x9b),
    Uint8Array.of(0xed, 0xa0, 0x80),
    Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
    Uint8Array.of(0xe0, 0x80),
    Uint8Array.of(0xef, 0xbb, 0xbf),
  ),
);
const stream = fc
  .array(piece, { maxLength: 12 })
  .map((pieces) => new Uint8Array(Buffer.concat(pieces)));
const sizes = fc.array(fc.nat(4), { maxLength: 40 });

describe('the alignment of UTF-8', () => {
  it('gives what the Encoding Standard says, wherever the stream is cut', () => {
    const property = fc.property(stream, sizes, (bytes, lengths) => {
      const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
      assert.equal(through(new Utf8Alignment(true), cut(bytes, lengths)), expected);
      const harmless = expected.replace(/[\u0080-\u009f]/g, '\ufffd');
      assert.equal(through(new Utf8Alignment(false), cut(bytes, lengths)), harmless);
    });
    fc.assert(property, { seed: 42, numRuns: 20_000 });
  });

  it('passes on ASCII and whole characters without a copy', () => {
    const alignment = new Utf8Alignment(false);
    const bytes = new TextEncoder().encode('plain');
    assert.equal(alignment.push(bytes), bytes);
    const wide = new TextEncoder().encode('─中');
    assert.equal((alignment.push(wide) as Uint8Array).buffer, wide.buffer);
  });
});
