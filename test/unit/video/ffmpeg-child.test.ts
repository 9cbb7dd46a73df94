/** A child process that should be ffmpeg, and behaves as none should. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { closeDescriptor } from '../../../src/ffi/index.js';
import { FfmpegChild } from '../../../src/video/ffmpeg/index.js';

/** Runs a script of the shell in place of ffmpeg. */
function childOf(test: TestContext, script: string): FfmpegChild {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-ffmpeg-'));
  const before = process.env['PATH'];
  writeFileSync(join(folder, 'ffmpeg'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env['PATH'] = `${folder}:${before}`;
  const child = new FfmpegChild({ args: [] });
  process.env['PATH'] = before;
  test.after(async () => {
    await child.stop();
    closeDescriptor(child.output);
    rmSync(folder, { recursive: true });
  });
  return child;
}

describe('an ffmpeg that is to give what it still has', () => {
  it('is stopped when it gives nothing', async (test) => {
    const child = childOf(test, 'exec sleep 600');
    const { status } = await child.finish(() => 7, 10);
    assert.equal(status, undefined);
  });

  it('has the time it needs while it gives something', async (test) => {
    const child = childOf(test, 'cat > /dev/null; sleep 0.3; exit 3');
    let given = 0;
    const { status } = await child.finish(() => (given += 1), 10);
    assert.equal(status, 3);
  });
});
