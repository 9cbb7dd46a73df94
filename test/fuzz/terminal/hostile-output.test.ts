import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CellGrid,
  columnsOf,
  glyphOf,
  glyphs,
  links,
  mayStandAlone,
  CELL,
} from '../../../src/terminal/cells/index.js';
import { AgentScreen, type ScreenSignal } from '../../../src/terminal/screen/index.js';
import { bytesOf, hostileToken } from './agent-streams.js';

const SEED = 20_262;
const SEQUENCES = Number(process.env['SLUICE_FUZZ_SEQUENCES'] ?? 50_000);

/** The forms that an answer may have, with numbers in them only. */
const ANSWER = new RegExp(
  [
    '\\u001b\\[\\?62;22c',
    '\\u001b\\[>1;10;0c',
    '\\u001bP>\\|sluice\\u001b\\\\',
    '\\u001b\\[0n',
    '\\u001b\\[\\??\\d{1,5};\\d{1,5}R',
    '\\u001b\\[\\??\\d{1,5};[0-4]\\$y',
    '\\u001b\\[\\?\\d{1,2}u',
    '\\u001b\\[>4;[0-2]m',
    '\\u001b\\[\\?997;[12]n',
    '\\u001b\\[8;\\d{1,5};\\d{1,5}t',
    '\\u001b\\]1[01];rgb:[0-9a-f]{4}/[0-9a-f]{4}/[0-9a-f]{4}\\u001b\\\\',
    '\\u001bP0[$+]r\\u001b\\\\',
  ]
    .map((form) => `(?:${form})`)
    .join('|'),
);
const WHOLE_ANSWER = new RegExp(`^(?:${ANSWER.source})$`);
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;

function assertSafe(screen: AgentScreen): void {
  const { columns } = screen;
  const grid = new CellGrid(columns, 1);
  for (let row = 0; row < screen.rows; row += 1) {
    screen.copyLine(screen.historyLines + row, grid, 0, 0, columns);
    let wide = false;
    for (let x = 0; x < columns; x += 1) {
      const word = grid.words[grid.at(x, 0)] as number;
      assert.equal(columnsOf(word) === 0, wide, 'halves of a wide glyph stand together');
      wide = columnsOf(word) === 2;
      if (columnsOf(word) === 0) continue;
      const text = glyphs.textOf(glyphOf(word));
      assert.ok(mayStandAlone(text.codePointAt(0) ?? 0), JSON.stringify(text));
      assert.doesNotMatch(text, UNPRINTABLE);
      const link = grid.words[grid.at(x, 0) + CELL.link] as number;
      if (link !== 0) assert.match(links.linkOf(link).uri, /^https?:\/\/[!-~]+$/);
    }
    assert.equal(wide, false);
  }
}

describe('hostile output', () => {
  it(`makes no fault, no unsafe cell and no odd answer in ${SEQUENCES} sequences`, () => {
    let now = 0;
    const answers: string[] = [];
    const signals: ScreenSignal[] = [];
    const screen = new AgentScreen({
      columns: 40,
      rows: 10,
      maxHistoryLines: 50,
      now: () => (now += 1),
      onAnswer: (text) => answers.push(text),
      onSignal: (signal) => signals.push(signal),
    });
    let sequences = 0;
    const batch = fc.array(hostileToken, { minLength: 200, maxLength: 400, size: 'max' });
    const shape = fc.record({
      columns: fc.integer({ min: 2, max: 100 }),
      rows: fc.integer({ min: 1, max: 30 }),
    });
    for (let seed = SEED; sequences < SEQUENCES; seed += 1) {
      for (const [tokens, { columns, rows }] of fc.sample(fc.tuple(batch, shape), {
        seed,
        numRuns: 20,
      })) {
        screen.write(bytesOf(tokens));
        assertSafe(screen);
        screen.resize(columns, rows);
        sequences += tokens.length;
      }
    }
    assert.equal(screen.faults, 0);
    assert.ok(answers.length > 100 && answers.length < sequences);
    for (const answer of new Set(answers)) assert.match(answer, WHOLE_ANSWER);
    for (const signal of signals) {
      if ('text' in signal && signal.type !== 'clipboard') {
        assert.doesNotMatch(signal.text, UNPRINTABLE);
      }
    }
    screen.close();
  });

  it('keeps the share of the others, however many clusters and links it makes', () => {
    const hostile = new AgentScreen({ columns: 80, rows: 24, maxHistoryLines: 100 });
    const honest = new AgentScreen({ columns: 80, rows: 2 });
    const grid = new CellGrid(80, 1);
    const scratch = new CellGrid(80, 24);
    const marks = Array.from({ length: 100 }, (_, index) => String.fromCodePoint(0x300 + index));
    for (let round = 0; round < 300; round += 1) {
      let text = '\u001b[H';
      for (let cell = 0; cell < 80 * 24; cell += 1) {
        const number = round * 1920 + cell;
        text += `\u001b]8;;https://example.org/${number}\u0007`;
        text += `x${marks[number % 100]}${marks[Math.floor(number / 100) % 100]}${marks[Math.floor(number / 10_000) % 100]}`;
      }
      hostile.write(Buffer.from(text));
      for (let row = 0; row < 24; row += 1) hostile.copyLine(row, scratch, row, 0, 80);
    }
    assert.ok(glyphs.generation > 0, 'the table of clusters was filled');
    assert.ok(links.generation > 0, 'the table of links was filled');
    honest.write(
      Buffer.from('\u001b]8;;https://good.example/\u0007e\u0323\u0302\u0301\u001b]8;;\u0007'),
    );
    honest.copyLine(0, grid, 0, 0, 80);
    assert.equal(glyphs.textOf(glyphOf(grid.words[0] as number)), 'e\u0323\u0302\u0301');
    assert.equal(links.linkOf(grid.words[CELL.link] as number).uri, 'https://good.example/');
  });

  it('is forgotten as it comes where it has no end', () => {
    const screen = new AgentScreen({ columns: 80, rows: 24 });
    const endless = Buffer.alloc(1 << 20, 'x');
    for (const start of [
      '\u001b]52;c;',
      '\u001b]8;;',
      '\u001bP+q',
      '\u001b_',
      '\u001b]999;',
      '\u001b]0;',
    ]) {
      screen.write(Buffer.from(start));
      const before = process.memoryUsage().heapUsed;
      for (let megabyte = 0; megabyte < 8; megabyte += 1) screen.write(endless);
      const grown = process.memoryUsage().heapUsed - before;
      assert.ok(grown < 100_000_000, `${grown} bytes for ${JSON.stringify(start)}`);
      screen.write(Buffer.from('\u001b\\\r\nfine'));
      assert.equal(screen.lineText(screen.historyLines + screen.cursor.row).text, 'fine');
    }
  });
});
