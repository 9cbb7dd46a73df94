import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CellGrid, glyphs, links } from '../../../src/terminal/cells/index.js';
import { FrameEncoder } from '../../../src/terminal/output/index.js';
import { grammarProblem } from './output-grammar.js';

const encoder = new TextEncoder();

/** Text that must never get out: controls, the starts of sequences, direction, lone halves. */
const hostile = fc.constantFrom(
  '\u001b',
  '\u001b[2J',
  '\u009b',
  '\u0007',
  '\u0000',
  '\u007f',
  '\u0085',
  '\u202e',
  '\u2066',
  '\u2028',
  '\ufeff',
  '\u00ad',
  '\ud800',
  '\udc00',
  '\uffff',
  'a\u0301',
  'e\u200d',
  '\u200d',
  '👨‍👩‍👧',
  '🏴\u{e0067}',
  '\u{10ffff}',
);

const glyph = fc.oneof(
  fc.integer({ min: 0, max: 0x10_ffff }),
  hostile.map((text) => glyphs.idOf(text)),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 2 }).map((text) => glyphs.idOf(text)),
);

const uri = fc.oneof(
  fc.webUrl(),
  fc.constantFrom(
    'https://a/\u001b\\x',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'http://é',
    '',
  ),
);

/** Any words at all, and often those that mean something. */
const cell = fc.tuple(
  fc.oneof(
    fc.tuple(glyph, fc.integer({ min: 0, max: 3 })).map(([id, columns]) => (columns << 24) | id),
    fc.constantFrom(0x0100_0020, 0),
  ),
  fc.nat(0x3ff_ffff),
  fc.nat(0x3ff_ffff),
  fc.nat(0x7ff),
  fc.nat(0x3ff_ffff),
  fc.oneof(
    fc.constant(0),
    uri.map((text) => links.idOf({ uri: text, group: text })),
  ),
);

describe('the bytes of frames', () => {
  it('are of the few kinds that are allowed, whatever cells hold', () => {
    const columns = 8;
    const rows = 3;
    const frames = fc.array(fc.array(cell, { minLength: 1, maxLength: columns * rows }), {
      minLength: 1,
      maxLength: 4,
    });
    const colors = fc.constantFrom('none', '16', '256', 'truecolor');
    fc.assert(
      fc.property(frames, colors, fc.boolean(), (cells, depth, bright) => {
        const frameEncoder = new FrameEncoder({
          columns,
          rows,
          colors: depth,
          underlineStyles: bright,
          hyperlinks: bright,
          synchronizedOutput: bright,
        });
        const grid = new CellGrid(columns, rows);
        for (const words of cells) {
          grid.words.set(words.flat());
          const cursor = {
            column: 3,
            row: 1,
            visible: bright,
            shape: 'bar',
            blinking: true,
          } as const;
          assert.equal(grammarProblem(frameEncoder.encode(grid, cursor)), undefined);
        }
      }),
      { seed: 20_260_102, numRuns: 3000 },
    );
  });

  it('are told from what is not allowed', () => {
    const refused = [
      '\u001b]0;title\u0007',
      '\u001b]52;c;eA==\u001b\\',
      '\u001bP$q\u001b\\',
      '\u001b[?1049h',
      '\u001b[6n',
      '\u001b[c',
      '\u001bc',
      '\u009b2J',
      '\u0007',
      '\u001b]8;;file:///etc\u001b\\',
      '\u001b[38;5;1',
      '\u001b[3J',
      '\u202e',
      '\u001b[5i',
      '\t',
    ];
    for (const text of refused)
      assert.notEqual(grammarProblem(encoder.encode(text)), undefined, text);
    assert.notEqual(grammarProblem(Uint8Array.of(0x9b, 0x32, 0x4a)), undefined);
  });
});
