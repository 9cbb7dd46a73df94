import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  findRegressions,
  interquartileRange,
  loadBaseline,
  regressionText,
  saveBaseline,
} from '../../../src/bench/baseline.js';
import { escapeHtml, htmlReport } from '../../../src/bench/html-report.js';
import { type Measurement, median, type Target } from '../../../src/bench/measurement.js';
import { type BenchReport, formatValue } from '../../../src/bench/report.js';
import { judgeTargets } from '../../../src/bench/targets.js';
import { textReport } from '../../../src/bench/text-report.js';

function measured(samples: readonly number[], more: Partial<Measurement> = {}): Measurement {
  return {
    suite: 'start',
    task: 'list',
    subject: 'sluice',
    unit: 'ms',
    better: 'lower',
    samples,
    ...more,
  };
}

const TARGET: Target = {
  suite: 'start',
  task: 'list',
  subject: 'sluice',
  text: '≤ 1.6 × node',
  bound: 1.6,
  of: 'node',
  better: 'lower',
};

function report(
  measurements: readonly Measurement[],
  more: Partial<BenchReport> = {},
): BenchReport {
  return {
    machine: {
      cpu: 'A <fast> & "good" one',
      cores: 2,
      memoryBytes: 2 ** 33,
      kernel: 'Linux 6.1',
      node: 'v20',
      loadAverageAtStart: 0.1,
    },
    startedAt: '2026-01-01T00:00:00.000Z',
    seconds: 3,
    quick: false,
    rounds: 3,
    measurements,
    targets: judgeTargets([TARGET], measurements),
    ...more,
  };
}

describe('median', () => {
  it('is the middle, the mean of two middles, or nothing', () => {
    assert.equal(median([30, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 100]), 3.5);
    assert.equal(median([]), Number.NaN);
  });
});

describe('targets', () => {
  it('are judged against another subject of the same run', () => {
    const node = measured([10, 10, 11], { subject: 'node' });
    const [met] = judgeTargets([TARGET], [measured([16, 15, 90]), node]);
    assert.deepEqual([met?.value, met?.boundValue, met?.met], [16, 16, true]);
    const [missed] = judgeTargets([TARGET], [measured([16.1]), node]);
    assert.equal(missed?.met, false);
  });

  it('are judged against a number, in the direction that is better', () => {
    const { of: _, ...absolute } = TARGET;
    const higher: Target = { ...absolute, bound: 40, better: 'higher' };
    assert.equal(judgeTargets([higher], [measured([41])])[0]?.met, true);
    assert.equal(judgeTargets([higher], [measured([39])])[0]?.met, false);
    assert.equal(judgeTargets([absolute], [measured([1.5])])[0]?.met, true);
  });

  it('are neither met nor missed without samples', () => {
    const [unknown] = judgeTargets([TARGET], [measured([])]);
    assert.deepEqual([unknown?.value, unknown?.met], [null, null]);
    const [noReference] = judgeTargets([TARGET], [measured([1])]);
    assert.deepEqual([noReference?.value, noReference?.met], [1, null]);
  });
});

describe('baseline', () => {
  it('measures the spread between the quartiles', () => {
    assert.equal(interquartileRange([1, 2, 3, 4, 5]), 2);
    assert.equal(interquartileRange([7]), 0);
  });

  it('names what became worse, and by how much', () => {
    const found = findRegressions([measured([12, 12.1, 12.2])], [measured([10, 10.1, 10.2])]);
    assert.equal(found.length, 1);
    assert.equal(found[0]?.worsePercent.toFixed(0), '20');
    assert.match(
      regressionText(found[0] as (typeof found)[0]),
      /list, sluice.*10\.1 → 12\.1 ms, 20 % worse/,
    );
    const rate = { unit: 'M/s', better: 'higher' } as const;
    assert.equal(findRegressions([measured([30], rate)], [measured([40], rate)]).length, 1);
    assert.equal(findRegressions([measured([40], rate)], [measured([30], rate)]).length, 0);
  });

  it('leaves alone what is within the spread of either run, small, better or not there', () => {
    const wide = measured([5, 10, 15]);
    assert.deepEqual(findRegressions([measured([12, 12, 12])], [wide]), []);
    assert.deepEqual(findRegressions([measured([7, 12, 17])], [measured([10, 10, 10])]), []);
    assert.deepEqual(findRegressions([measured([10.4])], [measured([10])]), []);
    assert.deepEqual(findRegressions([measured([8])], [measured([10])]), []);
    assert.deepEqual(findRegressions([measured([80])], []), []);
    assert.deepEqual(findRegressions([measured([])], [measured([10])]), []);
  });

  it('does not judge what Sluice is compared with', () => {
    const [now, before] = [20, 10].map((value) => measured([value], { subject: 'unix socket' }));
    assert.deepEqual(findRegressions([now as Measurement], [before as Measurement]), []);
  });

  it('comes back from its file as it was saved, and nothing else does', (test: TestContext) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'));
    test.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'baseline.json');
    const saved = report([measured([1, 2])]);
    saveBaseline(path, saved);
    assert.deepEqual(loadBaseline(path), saved);
    for (const text of ['', 'null', '{}', '{"measurements":[{"suite":"start"}]}']) {
      writeFileSync(path, text);
      assert.throws(() => loadBaseline(path), RangeError);
    }
    assert.throws(() => loadBaseline(join(folder, 'missing.json')), RangeError);
  });
});

describe('text report', () => {
  it('shows medians, ranges, ratios and verdicts', () => {
    const text = textReport(
      report([
        measured([10, 12, 11]),
        measured([33], { subject: 'node' }),
        measured([], { subject: 'C ring', note: 'no compiler\u001b[2J' }),
      ]),
    );
    assert.match(text, /list +sluice +11\.0 ms +10\.0–12\.0\n/);
    assert.match(text, /list +node +33\.0 ms +33\.0–33\.0 +3\.00 ×/);
    assert.match(text, /C ring .* no compiler\\e\[2J/);
    assert.match(text, /met +start .*≤ 1\.6 × node +11\.0 ms, bound 52\.8/);
    assert.doesNotMatch(text, /warning/);
  });

  it('warns of a busy machine', () => {
    const { machine } = report([]);
    const busy = report([], { machine: { ...machine, loadAverageAtStart: 0.51 } });
    assert.match(textReport(busy), /warning: the load average was 0\.51/);
  });

  it('writes numbers of every size', () => {
    const shown = [0, 0.00321, 0.0456, 0.99, 1.234, 12.34, 123.4, 194_063].map(formatValue);
    const wanted = ['0', '0.00321', '0.046', '0.990', '1.23', '12.3', '123', '194063'];
    assert.deepEqual(shown, wanted);
  });
});

/** Open and closed elements match, attributes are quoted, and nothing else uses angle brackets. */
function assertWellFormed(html: string): void {
  const tag = /<(\/?)([a-z][a-z0-9]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/gi;
  const open: string[] = [];
  for (const [, isEnd, name = '', , isEmpty] of html.matchAll(tag)) {
    if (isEnd === '/') assert.equal(open.pop(), name);
    else if (isEmpty !== '/') open.push(name);
  }
  assert.deepEqual(open, []);
  const rest = html.replace('<!doctype html>', '').replaceAll(tag, '');
  assert.doesNotMatch(rest, /[<>]/);
  assert.doesNotMatch(rest.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, ''), /&/);
}

describe('HTML report', () => {
  it('is well-formed and escapes what it shows', () => {
    const bad = '<script>alert("x")</script> & \u0000';
    const html = htmlReport(
      report([
        measured([10, 12, 11], { task: bad }),
        measured([3000, 4000], { task: bad, subject: bad, unit: bad, note: bad }),
        measured([], { suite: bad, note: bad }),
        measured([0, 0, 0], { task: 'zeros' }),
      ]),
    );
    assertWellFormed(html);
    assert.doesNotMatch(html, /<script|\u0000|NaN|Infinity/);
    assert.ok(html.includes(escapeHtml('A <fast> & "good" one')));
  });

  it('draws every sample and loads nothing', () => {
    const html = htmlReport(
      report([measured([10, 12, 11]), measured([5, 6], { subject: 'node' })]),
    );
    assert.equal(html.match(/<circle /g)?.length, 5);
    assert.doesNotMatch(html, /\b(?:src|href)=|url\(|@import/);
  });
});
