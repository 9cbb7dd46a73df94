import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Suite } from '../../../src/bench/measurement.js';
import { messages } from '../../../src/bench/suites/messages.js';
import { roundtrip } from '../../../src/bench/suites/roundtrip.js';

async function runs(suite: Suite): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  try {
    const measured = await suite.run({ quick: true, rounds: 1, directory, log: () => undefined });
    assert.ok(measured.length > 0);
    for (const { suite: name, task, subject, samples, note } of measured) {
      const which = `${name}, ${task}, ${subject}`;
      assert.equal(name, suite.name, which);
      assert.ok(samples.length === 1 || (samples.length === 0 && note !== undefined), which);
      for (const sample of samples) assert.ok(Number.isFinite(sample) && sample > 0, which);
    }
    for (const { task, subject, of } of suite.targets) {
      for (const one of of === undefined ? [subject] : [subject, of]) {
        const found = measured.filter((other) => other.task === task && other.subject === one);
        assert.equal(found.length, 1, `a target names ${task}, ${one}`);
      }
    }
    assert.deepEqual(readdirSync(directory), [], 'nothing is left behind');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('messages: every subject has a sample, or says why not', () => runs(messages));

test('roundtrip: every subject has a sample, or says why not', () => runs(roundtrip));
