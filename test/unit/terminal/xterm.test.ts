import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  clusterAt,
  extendedAt,
  linkNumber,
  underlineWord,
  wordsOfLine,
  type XtermLine,
} from '../../../src/terminal/screen/xterm-core.js';
import { Xterm } from '../../../src/terminal/screen/xterm.js';

const WORDS = 3;
const encoder = new TextEncoder();

function make(): { xterm: Xterm; rows: string[]; changes: { count: number } } {
  const rows: string[] = [];
  const changes = { count: 0 };
  const xterm = new Xterm(
    { columns: 10, rows: 3, historyLines: 5 },
    (first, last) => rows.push(`${first}-${last}`),
    () => {
      changes.count += 1;
    },
  );
  return { xterm, rows, changes };
}

function lineOf(xterm: Xterm, index: number): XtermLine {
  const line = xterm.buffer.lines.get(index);
  assert.ok(line !== undefined);
  return line;
}

/** Everything that is used of the emulator's insides: a new version that lacks some of it must not pass. */
describe("the emulator's insides", () => {
  it('parse at once, bytes and text', () => {
    const { xterm } = make();
    xterm.parse(encoder.encode('ab'));
    xterm.parse('cd');
    const words = wordsOfLine(lineOf(xterm, 0));
    assert.deepEqual(
      [0, 1, 2, 3].map((x) => (words[x * WORDS] as number) & 0x1f_ffff),
      [0x61, 0x62, 0x63, 0x64],
    );
    assert.equal(xterm.buffer.x, 4);
  });

  it('have colours and styles in the bits that are read', () => {
    const { xterm } = make();
    xterm.parse('\u001b[31;1ma\u001b[0;38;5;200;3mb\u001b[0;48;2;1;2;3;9;53mc\u001b[0;7;5;8;2md');
    const words = wordsOfLine(lineOf(xterm, 0));
    assert.equal(words[1], 0x0900_0001);
    assert.equal(words[1 * WORDS + 1], 0x0200_00c8);
    assert.equal(words[1 * WORDS + 2], 0x0400_0000);
    assert.equal(words[2 * WORDS + 1], 0x8000_0000);
    assert.equal(words[2 * WORDS + 2], 0x4301_0203);
    assert.equal(words[3 * WORDS + 1], 0x6400_0000);
    assert.equal(words[3 * WORDS + 2], 0x0800_0000);
  });

  it('keep clusters and widths', () => {
    const { xterm } = make();
    xterm.parse('e\u0301中👍🏽');
    const line = lineOf(xterm, 0);
    assert.equal(clusterAt(line, 0), 'e\u0301');
    assert.equal(clusterAt(line, 3), '👍🏽');
    const widths = [0, 1, 2, 3, 4].map((x) => (wordsOfLine(line)[x * WORDS] as number) >>> 22);
    assert.deepEqual(widths, [1, 2, 0, 2, 0]);
  });

  it('keep underlines and links, through SGR 0', () => {
    const { xterm } = make();
    xterm.setLink(77);
    xterm.parse('\u001b[4:3;58;5;9ma\u001b[0mb');
    xterm.setLink(0);
    xterm.parse('c');
    const line = lineOf(xterm, 0);
    const curly = extendedAt(line, 0);
    assert.ok(curly !== undefined);
    assert.equal((underlineWord(curly) >>> 26) & 7, 3);
    assert.equal(underlineWord(curly) & 0x3ff_ffff, 0x200_0009);
    assert.equal(linkNumber(curly), 77);
    const plain = extendedAt(line, 1);
    assert.ok(plain !== undefined);
    assert.equal(linkNumber(plain), 77);
    assert.equal((underlineWord(plain) >>> 26) & 7, 0);
    assert.equal(((wordsOfLine(line)[2 * WORDS + 2] as number) >>> 28) & 1, 0);
  });

  it('tell which rows changed, which buffer is shown and what leaves the history', () => {
    const { xterm, rows, changes } = make();
    let trimmed = 0;
    xterm.normalBuffer.lines.onTrim((count) => {
      trimmed += count;
    });
    xterm.parse('\u001b[2;1Hx');
    assert.ok(rows.length > 0);
    assert.equal(rows.at(-1), '0-1');
    xterm.parse('\n'.repeat(20));
    assert.equal(rows.at(-1), '0-2');
    assert.equal(xterm.normalBuffer.ybase, 5);
    assert.equal(trimmed, 14);
    xterm.parse('\u001b[3J');
    assert.equal(trimmed, 19);
    const before = changes.count;
    xterm.parse('\u001b[?1049h');
    assert.equal(xterm.isAlternate, true);
    assert.notEqual(xterm.buffer, xterm.normalBuffer);
    assert.equal(changes.count, before + 1);
    xterm.parse('\u001bc');
    assert.equal(xterm.isAlternate, false);
    assert.equal(changes.count, before + 2);
  });

  it('tell how text scrolls, and whether a sequence is open', () => {
    const { xterm } = make();
    assert.equal(xterm.historyLines, 5);
    for (const [change, back] of [
      ['\u001b[2;3r', '\u001b[r'],
      ['\u001b[1;2r', '\u001b[r'],
      ['\u001b[?7l', '\u001b[?7h'],
      ['\u001b[4h', '\u001b[4l'],
      ['\u001b(0', '\u001b(B'],
      ['\u001b[?1049h', '\u001b[?1049l'],
    ] as const) {
      assert.equal(xterm.scrollsFreely, true);
      xterm.parse(change);
      assert.equal(xterm.scrollsFreely, false, change);
      xterm.parse(back);
    }
    for (const open of ['\u001b', '\u001b[3', '\u001b]0;t', '\u001bPq']) {
      assert.equal(xterm.isBetweenSequences, true);
      xterm.parse(open);
      assert.equal(xterm.isBetweenSequences, false, open);
      xterm.abandonSequence();
    }
  });

  it('hand over parameters that can be changed, and strings up to a length', () => {
    const { xterm } = make();
    const seen: unknown[] = [];
    xterm.onSequence({ final: 'C' }, ({ params, length }) => {
      seen.push(length, params[0]);
      params[0] = 2;
      return false;
    });
    xterm.onCommand(4, 5, (text) => seen.push(text));
    xterm.onControlString({ intermediates: '$', final: 'q' }, () => seen.push('string'));
    xterm.onEscape('c', () => seen.push('reset') > 0);
    xterm.onBell(() => seen.push('bell'));
    xterm.parse(
      '\u001b[2147483647C\u001b]4;12345\u0007\u001b]4;123456\u0007\u001bP$qm\u001b\\\u001bc\u0007',
    );
    assert.deepEqual(seen, [1, 2147483647, '12345', undefined, 'string', 'reset', 'bell']);
    assert.equal(xterm.buffer.x, 2);
  });

  it('know the modes', () => {
    const { xterm } = make();
    xterm.parse(
      '\u001b[?1;6;45;1003;1004;1006;2004;2026h\u001b[?7;25l\u001b[4;20h\u001b=\u001b[3 q',
    );
    const { modes } = xterm;
    for (const mode of [
      modes.applicationCursorKeys,
      modes.applicationKeypad,
      modes.bracketedPasteMode,
      modes.origin,
      modes.reverseWraparound,
      modes.sendFocus,
      modes.synchronizedOutput,
      !modes.wraparound,
      !xterm.cursorVisible,
      xterm.cursorBlinks,
      xterm.insertMode,
      xterm.newLineMode,
    ]) {
      assert.equal(mode, true);
    }
    assert.equal(modes.cursorStyle, 'underline');
    assert.equal(xterm.mouseProtocol, 'ANY');
    assert.equal(xterm.mouseEncoding, 'SGR');
    xterm.endSynchronizedUpdate();
    xterm.resetRemains();
    assert.equal(xterm.modes.synchronizedOutput, false);
    assert.equal(xterm.cursorVisible, true);
    assert.equal(xterm.newLineMode, false);
    xterm.parse('\u001b[');
    xterm.abandonSequence();
    xterm.parse('A');
    assert.equal((wordsOfLine(lineOf(xterm, 0))[0] as number) & 0x1f_ffff, 0x41);
  });
});
