/** A child process that should be ffmpeg, and behaves as none should. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { closeDescriptor, PipeReader } from '../../../src/ffi/index.js';
import { FfmpegChild, isShortage, readFailure } from '../../../src/video/ffmpeg/index.js';

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
    closeDescriptor(child.output as number);
    rmSync(folder, { recursive: true });
  });
  return child;
}

describe('an ffmpeg that cannot be started', () => {
  it('has ended, takes what is written to it, and leaves nothing open', async () => {
    const open = readdirSync('/proc/self/fd').length;
    // More than execve(2) takes: Node throws that.
    const args = ['x'.repeat(3 << 20)];
    for (const second of ['input', 'output'] as const) {
      const child = new FfmpegChild({ args, second });
      child.input.write('x');
      child.secondInput?.end('x');
      const { error } = await child.finish(() => 0);
      assert.equal((error as NodeJS.ErrnoException).code, 'E2BIG');
      await child.stop();
      await new PipeReader(child.output, undefined as never).ended;
      assert.equal(child.secondOutput, undefined);
    }
    assert.equal(readdirSync('/proc/self/fd').length, open);
  });

  it('is worth another attempt where the system was short of something', () => {
    for (const code of ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']) {
      const found = Object.assign(new Error(`spawn ffmpeg ${code}`), { code, errno: -1 });
      const { error, isLasting } = readFailure('', { error: found, status: undefined, lines: [] });
      assert.deepEqual([isLasting, isShortage(error)], [false, true], code);
      assert.match(error.message, /^cannot start ffmpeg: /);
    }
  });
});

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

  it('has all the time there is while it is held up by us, and no more of it afterwards', async (test) => {
    const child = childOf(test, 'cat > /dev/null; sleep 0.3; exit 3');
    assert.equal((await child.finish(() => undefined, 10)).status, 3);
    const stuck = childOf(test, 'exec sleep 600');
    let looks = 0;
    const { status } = await stuck.finish(() => ((looks += 1) < 9 ? undefined : 7), 10);
    assert.deepEqual([status, looks], [undefined, 10]);
  });
});
