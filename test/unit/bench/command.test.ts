import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BenchReport } from '../../../src/bench/index.js';

const COMMAND = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const baseline = join(folder, 'baseline.json');

function bench(...words: readonly string[]): { status: number | null; stdout: string } {
  const given = [COMMAND, 'bench', ...words, '--quiet', '--dir', folder];
  return spawnSync(process.execPath, given, { encoding: 'utf8', timeout: 120_000 });
}

/** The run that was kept, as if its starts had taken `ms`. */
function rewriteBaseline(ms: number): void {
  const saved = JSON.parse(readFileSync(baseline, 'utf8')) as BenchReport;
  const measurements = saved.measurements.map((entry) => ({ ...entry, samples: [ms] }));
  writeFileSync(baseline, JSON.stringify({ ...saved, measurements }));
}

describe('sluice bench', () => {
  it('keeps a run and writes its report', () => {
    const html = join(folder, 'report.html');
    const { status, stdout } = bench(
      'start',
      '--quick',
      '--html',
      html,
      '--save-baseline',
      baseline,
    );
    assert.equal(status, 0);
    assert.match(stdout, /^start +sluice ls, two live channels +sluice /m);
    assert.match(readFileSync(html, 'utf8'), /^<!doctype html>/);
    assert.ok(existsSync(baseline));
  });

  it('ends with 1 when something is worse than in the baseline, and names it', () => {
    rewriteBaseline(0.001);
    const { status, stdout } = bench('start', '--quick', '--baseline', baseline);
    assert.equal(status, 1);
    assert.match(stdout, /1 regression\n {2}start: sluice ls, two live channels, sluice: /);
  });

  it('ends with 0 when nothing is worse', () => {
    rewriteBaseline(1e9);
    const { status, stdout } = bench('start', '--quick', '--baseline', baseline, '--json');
    assert.equal(status, 0);
    assert.deepEqual((JSON.parse(stdout) as { regressions: unknown }).regressions, []);
  });

  it('ends with 2 before anything runs when it is asked for what is not there', () => {
    assert.equal(bench('nonsense').status, 2);
    assert.equal(bench('start', '--html', join(folder, 'missing', 'report.html')).status, 2);
    assert.equal(bench('start', '--baseline', join(folder, 'missing.json')).status, 2);
    assert.equal(bench('start', '--rounds', '1000000').status, 2);
  });
});
