import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  encodeAttention,
  encodeEnd,
  encodeSize,
  parseAttention,
  parseEnd,
  parseSize,
} from '../../../src/terminal/stream/index.js';

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe('messages of a terminal', () => {
  it('say sizes and ends', () => {
    assert.deepEqual(parseSize(encodeSize({ columns: 80, rows: 24 })), { columns: 80, rows: 24 });
    assert.deepEqual(parseEnd(encodeEnd({ exitCode: 3 })), { exitCode: 3 });
    assert.deepEqual(parseEnd(encodeEnd({ signal: 'SIGKILL' })), { signal: 'SIGKILL' });
  });

  it('claim no more than a message may', () => {
    const said = { state: 'waits', text: 'Allow?', sinceMs: 5 } as const;
    const read = (source: 'exit' | 'hook' | 'signal' | 'guess'): string | undefined =>
      parseAttention(encodeAttention({ ...said, source }))?.source;
    assert.deepEqual(
      ['exit', 'hook', 'signal', 'guess'].map((source) => read(source as never)),
      ['message', 'message', 'signal', 'guess'],
    );
  });

  it('are nothing when they are wrong', () => {
    const sizes = [
      {},
      { columns: 80 },
      { columns: 0, rows: 1 },
      { columns: 70_000, rows: 1 },
      { columns: '80', rows: 24 },
      [80, 24],
      null,
    ];
    for (const size of sizes) assert.equal(parseSize(bytes(size)), undefined, JSON.stringify(size));
    for (const end of [
      {},
      { exitCode: 256 },
      { exitCode: -1 },
      { exitCode: 1.5 },
      { signal: 'x\u001b[2J' },
    ]) {
      assert.equal(parseEnd(bytes(end)), undefined, JSON.stringify(end));
    }
    assert.equal(parseAttention(bytes({ state: 'angry' })), undefined);
    assert.equal(parseAttention(bytes({ state: 'waits', text: 5 })), undefined);
    assert.equal(
      parseSize(Buffer.from(`{"columns":80,"rows":24,"x":"${'x'.repeat(5000)}"}`)),
      undefined,
    );
    assert.equal(parseSize(Buffer.from([0xff, 0xfe])), undefined);
  });

  it('hurt nobody, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (input) => {
          const size = parseSize(input);
          if (size !== undefined) assert.ok(size.columns >= 1 && size.rows >= 1);
          parseEnd(input);
          assert.ok((parseAttention(input)?.text.length ?? 0) <= 512);
        },
      ),
      { seed: 7 },
    );
  });
});
