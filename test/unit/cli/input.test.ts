import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { frameByteLength, video, PIXEL_FORMATS } from '../../../src/format/index.js';
import { readLines } from '../../../src/cli/pub/input-lines.js';
import { copyFromSlot, copyToSlot, rawByteLength, rowRuns } from '../../../src/format/index.js';
import { UsageError } from '../../../src/cli/run.js';

async function* chunksOf(chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function linesOf(chunks: readonly string[], maxBytes = 1000): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of readLines(chunksOf(chunks), maxBytes)) {
    lines.push(Buffer.from(line).toString());
  }
  return lines;
}

describe('lines of an input', () => {
  it('are the same however the input is cut', async () => {
    const piece = fc
      .array(fc.constantFrom('a', 'bc', '\n', '\r\n', '', '中'))
      .map((pieces) => pieces.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(piece), async (chunks) => {
        const whole = chunks.join('').split('\n');
        if (whole.at(-1) === '') whole.pop();
        const wanted = whole.map((line) => line.replace(/\r$/, ''));
        assert.deepEqual(await linesOf(chunks), wanted);
      }),
      { numRuns: 200 },
    );
  });

  it('are bounded, also while their end has not come', async () => {
    assert.deepEqual(await linesOf(['1234\n', '12', '34\n'], 4), ['1234', '1234']);
    for (const chunks of [['12345\n'], ['123', '45'], ['1\n', '12', '345\n']]) {
      await assert.rejects(linesOf(chunks, 4), UsageError);
    }
    await assert.rejects(linesOf(['a\nb\ncdefgh'], 4), /^UsageError: line 3 of the input/);
  });
});

describe('rawvideo', () => {
  it('is one run where slots have no padding', () => {
    const format = video({ pixelFormat: 'nv12', width: 640, height: 480 });
    assert.deepEqual(rowRuns(format), [{ slotOffset: 0, rawOffset: 0, byteLength: 460_800 }]);
    assert.equal(rawByteLength(format), 460_800);
  });

  it('comes back from a slot as it went in, for every pixel format and size', () => {
    const size = fc.integer({ min: 1, max: 150 });
    fc.assert(
      fc.property(fc.constantFrom(...PIXEL_FORMATS), size, size, (pixelFormat, width, height) => {
        const format = video({ pixelFormat, width, height });
        const runs = rowRuns(format);
        const raw = new Uint8Array(rawByteLength(format)).map((_, index) => 1 + (index % 251));
        const slot = new Uint8Array(frameByteLength(format));
        copyToSlot(runs, raw, slot);
        const back = new Uint8Array(raw.length);
        copyFromSlot(runs, slot, back);
        assert.deepEqual(back, raw);
        assert.equal(
          slot.reduce((count, byte) => count + (byte > 0 ? 1 : 0), 0),
          raw.length,
        );
      }),
      { numRuns: 60 },
    );
  });
});
