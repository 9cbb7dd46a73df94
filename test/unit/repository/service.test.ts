/** docs/sluice.service, read by systemd itself: what it does not know it passes over, and says so. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { repositoryRoot } from './tree.js';

const skip =
  spawnSync('systemd-analyze', ['--version']).status !== 0 && 'systemd-analyze is not installed';
const unit = readFileSync(join(repositoryRoot, 'docs/sluice.service'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'sluice-service-'));
after(() => rmSync(folder, { recursive: true }));

/** What systemd says of a unit; of others of this machine it may say more. */
function problemsOf(text: string): readonly string[] {
  const path = join(folder, 'sluice.service');
  writeFileSync(path, text);
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], {
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`.split('\n').filter((line) => line.includes('sluice.service'));
}

describe('the unit for systemd', { skip }, () => {
  it('is one that systemd has nothing to say of', () => {
    assert.deepEqual(problemsOf(unit), []);
  });

  it('would be told of with a key, a value or a command that is none', () => {
    for (const [right, wrong] of [
      ['ProtectHome=', 'ProtectHose='],
      ['UMask=0077', 'UMask=often'],
      ['/usr/bin/env', '/usr/bin/nothing'],
    ] as const) {
      assert.ok(unit.includes(right));
      assert.notDeepEqual(problemsOf(unit.replaceAll(right, wrong)), [], wrong);
    }
  });
});
