import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isSluiceError } from '../../../src/core/index.js';
import { type CastEvent, CastReader, CastWriter } from '../../../src/terminal/cast/index.js';

function readAll(text: string): { reader: CastReader; events: CastEvent[] } {
  const reader = new CastReader('x.cast');
  const events = text
    .split('\n')
    .slice(0, -1)
    .map((line) => reader.read(line))
    .filter((event) => event !== undefined);
  return { reader, events };
}

describe('an asciicast', () => {
  it('is written as version 3 says', () => {
    const writer = new CastWriter(1000);
    const file = [
      writer.header({ columns: 80, rows: 24, timestamp: 1_700_000_000.9, title: 'agent/a' }),
      writer.output(Buffer.from('\u001b[31mhi\r\n'), 1248),
      writer.size(80, 24, 2000),
      writer.size(90, 30, 2249),
      writer.size(90, 30, 2250),
      writer.output(Buffer.from('é').subarray(0, 1), 2300),
      writer.output(Buffer.from('é').subarray(1), 2400),
      writer.output(Uint8Array.of(0xe2, 0x80), 2500),
      writer.exit({ signal: 'SIGTERM' }, 3000),
    ].join('');
    assert.equal(
      file,
      '{"version":3,"term":{"cols":80,"rows":24,"type":"xterm-256color"},"timestamp":1700000000,"title":"agent/a"}\n' +
        '[0.248, "o", "\\u001b[31mhi\\r\\n"]\n' +
        '[1.001, "r", "90x30"]\n' +
        '[0.151, "o", "é"]\n' +
        '[0.600, "o", "\ufffd"]\n' +
        '[0.000, "x", "143"]\n',
    );
  });

  it('comes back as it was, at the same times, however it was cut', () => {
    const events = fc.array(
      fc.tuple(fc.string({ unit: 'binary' }), fc.double({ min: 0, max: 99, noNaN: true })),
    );
    const property = fc.property(events, (written) => {
      const writer = new CastWriter(50);
      let nowMs = 50;
      let file = writer.header({ columns: 2, rows: 1 });
      for (const [text, laterMs] of written) {
        nowMs += laterMs;
        for (const byte of new TextEncoder().encode(text))
          file += writer.output(Uint8Array.of(byte), nowMs);
      }
      file += writer.exit({ exitCode: 7 }, nowMs);
      const { events: read } = readAll(file);
      const text = read.map((event) => (event.type === 'output' ? event.text : '')).join('');
      const expected = written
        .map(([piece]) =>
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(piece)),
        )
        .join('');
      assert.equal(text, expected);
      const last = read.at(-1);
      assert.ok(last?.type === 'exit' && last.end.exitCode === 7);
      assert.ok(Math.abs(last.timeMs - (nowMs - 50)) <= 0.6, 'rounding does not add up');
    });
    fc.assert(property, { seed: 44, numRuns: 500 });
  });

  it('is read in version 2 and 3, with comments and events of other kinds', () => {
    const third =
      '{"version":3,"term":{"cols":80,"rows":24},"title":"t"}\n# a comment\n\n' +
      '[1.5, "o", "a"]\n[0.5, "m", "mark"]\n[1, "i", "typed"]\n[0.25, "r", "100x50"]\n[0, "x", "3"]\n';
    const { reader, events } = readAll(third);
    assert.deepEqual(reader.header, { columns: 80, rows: 24, title: 't' });
    assert.deepEqual(events, [
      { type: 'output', timeMs: 1500, text: 'a' },
      { type: 'size', timeMs: 3250, columns: 100, rows: 50 },
      { type: 'exit', timeMs: 3250, end: { exitCode: 3 } },
    ]);
    const second = '{"version":2,"width":80,"height":24}\n[1.5, "o", "a"]\n[2, "o", "b"]\n';
    assert.deepEqual(
      readAll(second).events.map(({ timeMs }) => timeMs),
      [1500, 2000],
    );
  });

  it('began when it says, or nobody knows when', () => {
    const began = (timestamp: string): unknown => {
      const header = `{"version":3,"term":{"cols":80,"rows":24},"timestamp":${timestamp}}\n`;
      return readAll(header).reader.header?.timestamp;
    };
    assert.equal(began('1700000000.5'), 1_700_000_000.5);
    // Nanoseconds, and what is no number of JavaScript, are no times to count from.
    for (const wrong of ['1700000000000000000', '1e999', '-1', '"now"']) {
      assert.equal(began(wrong), undefined, wrong);
    }
  });

  it('that is none is refused, with the line', () => {
    const header = '{"version":3,"term":{"cols":80,"rows":24}}\n';
    const wrong = [
      '\n',
      '[]\n',
      '{"version":1,"width":80,"height":24}\n',
      '{"version":3,"term":{"cols":0,"rows":24}}\n',
      '{"version":3,"term":{"cols":1e9,"rows":1e9}}\n',
      `${header}{}\n`,
      `${header}[1, "o"]\n`,
      `${header}[-1, "o", "x"]\n`,
      `${header}[1e300, "o", "x"]\n`,
      `${header}["1", "o", "x"]\n`,
      `${header}[1, "o", 5]\n`,
      `${header}[1, "r", "wide"]\n`,
      `${header}[1, "x", "ok"]\n`,
      `${header}[1, "o", "cut off\n`,
    ];
    for (const text of wrong) {
      assert.throws(
        () => readAll(text),
        (error: unknown) =>
          isSluiceError(error, 'FORMAT_MISMATCH') && /line [12]/.test(error.message),
        text,
      );
    }
  });
});
