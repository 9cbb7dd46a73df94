import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wantsColor } from '../../../src/cli/paint.js';
import { safeJson } from '../../../src/cli/safe-json.js';
import { displayWidth, fit, pad, renderTable } from '../../../src/cli/table.js';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  plural,
} from '../../../src/cli/units.js';

describe('numbers', () => {
  it('shows bytes with at most three digits', () => {
    const shown = [0, 1, 840, 999, 1000, 1234, 9949, 9950, 311_000_000, 999_499, 999_500, 1e9];
    assert.deepEqual(shown.map(formatBytes), [
      '0',
      '1 B',
      '840 B',
      '999 B',
      '1.0 kB',
      '1.2 kB',
      '9.9 kB',
      '10 kB',
      '311 MB',
      '999 kB',
      '1.0 MB',
      '1.0 GB',
    ]);
  });

  it('shows the largest numbers there are', () => {
    assert.equal(formatBytes(Number.MAX_SAFE_INTEGER), '9.0 PB');
    assert.equal(formatCount(5e21), '5000000P');
  });

  it('shows rates with a decimal where it matters', () => {
    assert.deepEqual([0, 0.2, 25, 99.94, 99.96, 980, 9999, 12_345, 1.2e6].map(formatRate), [
      '0',
      '0.2',
      '25.0',
      '99.9',
      '100',
      '980',
      '9999',
      '12k',
      '1.2M',
    ]);
  });

  it('shows times in two units at most', () => {
    const seconds = [-5, 0, 41.9, 60, 3599, 3600 * 3 + 12 * 60, 86_400 * 2 + 3600 * 4];
    assert.deepEqual(
      seconds.map((count) => formatDuration(count * 1000)),
      ['0 s', '0 s', '41 s', '1 m', '59 m', '3 h 12 m', '2 d 4 h'],
    );
  });

  it('counts things', () => {
    assert.deepEqual(
      [plural(1, 'process'), plural(2, 'process'), plural(0, 'channel')],
      ['1 process', '2 processes', '0 channels'],
    );
  });
});

describe('tables', () => {
  it('measures cells, not characters', () => {
    assert.equal(displayWidth('abc'), 3);
    assert.equal(displayWidth('中文'), 4);
    assert.equal(displayWidth('e\u0301'), 1);
    assert.equal(displayWidth('😀'), 2);
  });

  it('cuts to the width and never splits a wide character', () => {
    assert.equal(fit('camera', 6), 'camera');
    assert.equal(fit('camera', 5), 'came…');
    assert.equal(fit('中文字', 4), '中…');
    assert.equal(fit('camera', 0), '');
  });

  it('pads to the left or right', () => {
    assert.equal(pad('中', 4, 'left'), '中  ');
    assert.equal(pad('7', 3, 'right'), '  7');
  });

  it('aligns columns and leaves no space at the end', () => {
    const lines = renderTable(
      [
        { title: 'NAME', align: 'left', text: ([name]) => name, maxWidth: 6 },
        { title: 'N', align: 'right', text: ([, count]) => count },
        { title: 'STATE', align: 'left', text: () => 'ok' },
      ],
      [
        ['a', '10'],
        ['longer-name', '9'],
      ] as [string, string][],
    );
    assert.deepEqual(lines, ['NAME     N  STATE', 'a       10  ok', 'longe…   9  ok']);
  });

  it('paints after padding, so that colours do not move columns', () => {
    const lines = renderTable(
      [
        {
          title: 'A',
          align: 'left',
          text: (row: string) => row,
          paint: () => (cell) => `<${cell}>`,
        },
        { title: 'B', align: 'left', text: () => 'x' },
      ],
      ['1', '22'],
    );
    assert.deepEqual(lines, ['A   B', '<1 >  x', '<22>  x']);
  });
});

describe('JSON for a terminal', () => {
  it('escapes what acts on a terminal and keeps the value', () => {
    const value = { text: 'a\u001b[31m\u009b1m\u202eb\u200b中😀\u{e0041}\ud800' };
    const line = safeJson(value);
    assert.match(line, /^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u200b]*$/);
    assert.ok(line.includes('中😀'));
    assert.deepEqual(JSON.parse(line), value);
  });

  it('writes big integers as strings and nothing as null', () => {
    assert.equal(safeJson({ id: 2n ** 63n }), '{"id":"9223372036854775808"}');
    assert.equal(safeJson(undefined), 'null');
  });
});

describe('colours', () => {
  it('are for terminals, and environment variables decide otherwise', () => {
    assert.equal(wantsColor({}, true), true);
    assert.equal(wantsColor({}, false), false);
    assert.equal(wantsColor({ TERM: 'dumb' }, true), false);
    assert.equal(wantsColor({ NO_COLOR: '1' }, true), false);
    assert.equal(wantsColor({ NO_COLOR: '' }, true), true);
    assert.equal(wantsColor({ FORCE_COLOR: '1' }, false), true);
    assert.equal(wantsColor({ FORCE_COLOR: '1', NO_COLOR: '1' }, false), false);
    assert.equal(wantsColor({ FORCE_COLOR: '0' }, true), false);
  });
});
