import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { currentBootId } from '../../../src/bus/directory/boot-id.js';
import { isClaimed, tryClaim } from '../../../src/bus/directory/channel-lock.js';
import { resolveRuntimeDirectory } from '../../../src/bus/directory/runtime-directory.js';
import { isSluiceError } from '../../../src/core/index.js';
import {
  instanceOf,
  needsRoot,
  scratchDirectory,
  scratchFolder,
  startProgram,
  stopped,
} from './scratch.js';

describe('the lock of a channel', () => {
  it('has one holder, in this process too, until it is released', (test) => {
    const directory = scratchDirectory(test);
    assert.equal(isClaimed(directory, 'a/b'), false);
    const lock = tryClaim(directory, 'a/b', instanceOf('1'));
    assert.ok(lock);
    assert.equal(isClaimed(directory, 'a/b'), true);
    assert.equal(tryClaim(directory, 'a/b'), undefined);
    assert.equal(isClaimed(directory, 'a/c'), false);
    assert.ok(lock.isIntact());
    lock.release();
    lock.release();
    assert.equal(lock.isIntact(), false);
    assert.equal(existsSync(directory.lockPath('a/b')), false);
    assert.equal(isClaimed(directory, 'a/b'), false);
    const next = tryClaim(directory, 'a/b');
    assert.ok(next);
    lock.release();
    assert.ok(next.isIntact(), 'a late release leaves the successor alone');
    next.release();
  });

  it('says who holds it, with mode 0600 whatever the umask', (test) => {
    const directory = scratchDirectory(test);
    const before = process.umask(0);
    test.after(() => process.umask(before));
    const lock = tryClaim(directory, 'a', instanceOf('1'));
    assert.ok(lock);
    assert.deepEqual(JSON.parse(readFileSync(lock.path, 'utf8')), {
      pid: process.pid,
      bootId: currentBootId(),
      instance: instanceOf('1'),
    });
    assert.equal(lstatSync(lock.path).mode & 0o7777, 0o600);
    lock.release();
  });

  it('replaces what a dead holder wrote', (test) => {
    const directory = scratchDirectory(test);
    writeFileSync(directory.lockPath('a'), 'x'.repeat(1000));
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    assert.equal(JSON.parse(readFileSync(lock.path, 'utf8')).pid, process.pid);
    lock.release();
  });

  it('is not inherited by a spawned program', (test) => {
    const directory = scratchDirectory(test);
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    const open = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    assert.doesNotMatch(open, /a\.lock/);
    lock.release();
  });

  it('can be lost when somebody removes its file, and then spares the next holder', (test) => {
    const directory = scratchDirectory(test);
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    unlinkSync(lock.path);
    assert.equal(lock.isIntact(), false);
    assert.equal(isClaimed(directory, 'a'), false);
    const next = tryClaim(directory, 'a');
    assert.ok(next);
    lock.release();
    assert.ok(next.isIntact());
    assert.equal(tryClaim(directory, 'a'), undefined);
    next.release();
  });

  it('makes the directory again when it vanished', (test) => {
    const directory = scratchDirectory(test);
    execFileSync('rm', ['-r', directory.path]);
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    lock.release();
  });

  it('refuses links, FIFOs, sockets and directories in its place, without blocking', (test) => {
    const directory = scratchDirectory(test);
    const path = directory.lockPath('a');
    const target = join(directory.path, 'target');
    const plant: readonly (() => void)[] = [
      () => symlinkSync(target, path),
      () => execFileSync('mkfifo', [path]),
      () => mkdirSync(path),
    ];
    for (const make of plant) {
      make();
      for (const use of [tryClaim, isClaimed]) {
        assert.throws(
          () => use(directory, 'a'),
          (error: unknown) => isSluiceError(error, 'BAD_DIRECTORY'),
        );
      }
      execFileSync('rm', ['-r', path]);
    }
    assert.equal(existsSync(target), false);
  });

  it('outlives a stop and ends with a kill', async (test) => {
    const directory = scratchDirectory(test);
    const program = startProgram(test, 'publisher-program', [directory.path, 'a', instanceOf('1')]);
    assert.equal(await program.line(), 'ready');
    await program.kill('SIGSTOP');
    await stopped(program.child.pid);
    assert.equal(isClaimed(directory, 'a'), true);
    assert.equal(tryClaim(directory, 'a'), undefined);
    await program.kill('SIGKILL');
    assert.equal(isClaimed(directory, 'a'), false);
    assert.ok(existsSync(directory.lockPath('a')), 'a killed holder leaves its file');
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    lock.release();
  });

  it('never has two holders while processes race for it', async (test) => {
    const directory = scratchDirectory(test);
    const programs = [1, 2, 3].map(() =>
      startProgram(test, 'claimant-program', [directory.path, 'a', '1500']),
    );
    for (const program of programs) assert.equal(await program.line(), 'ready');
    for (const { child } of programs) child.stdin?.write('go\n');
    let won = 0;
    for (const program of programs) {
      const result: { won: number; violations: number } = JSON.parse(await program.line());
      assert.equal(result.violations, 0);
      won += result.won;
    }
    assert.ok(won > 0);
  });

  it('is won although somebody keeps asking whether it is free', async (test) => {
    const directory = scratchDirectory(test);
    writeFileSync(directory.lockPath('a'), '');
    const program = startProgram(test, 'prober-program', [directory.path, 'a']);
    assert.equal(await program.line(), 'free');
    let won = 0;
    for (let round = 0; round < 200; round++) {
      const lock = tryClaim(directory, 'a');
      if (lock === undefined) continue;
      won += 1;
      lock.release();
      writeFileSync(directory.lockPath('a'), '');
    }
    // Without patience about half are lost; a prober that is preempted may still cost one.
    assert.ok(won >= 190, `won ${won} of 200`);
  });
});

describe('the lock in a shared directory', { skip: needsRoot }, () => {
  const group = 4321;
  const owner = { uid: 1234, gid: group };

  function sharedDirectory(test: Parameters<typeof scratchFolder>[0]): string {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path);
    chownSync(path, 0, group);
    chmodSync(path, 0o3770);
    return path;
  }

  it('is seen by other users of the group, theirs to take once it was removed', async (test) => {
    const path = sharedDirectory(test);
    const first = startProgram(test, 'publisher-program', [path, 'a', instanceOf('1')], owner);
    assert.equal(await first.line(), 'ready');
    const mode = lstatSync(join(path, 'a.lock'));
    assert.deepEqual([mode.mode & 0o7777, mode.uid, mode.gid], [0o660, 1234, group]);
    const stranger = { uid: 1235, gid: group };
    const second = startProgram(test, 'publisher-program', [path, 'a', instanceOf('2')], stranger);
    assert.equal(await second.line(), 'taken');
    await first.kill('SIGKILL');
    const third = startProgram(test, 'publisher-program', [path, 'a', instanceOf('3')], stranger);
    assert.match(await third.line(), /^ACCESS_DENIED .*left by uid 1234/);
    const same = startProgram(test, 'publisher-program', [path, 'a', instanceOf('4')], owner);
    assert.equal(await same.line(), 'ready');
  });

  it('counts as held when it may not be opened', async (test) => {
    const path = sharedDirectory(test);
    const stranger = { uid: 1235, gid: group };
    const lock = join(path, 'a.lock');
    writeFileSync(lock, '');
    for (const [mode, answer] of [
      [0o644, 'free'],
      [0o600, 'claimed'],
    ] as const) {
      chmodSync(lock, mode);
      const program = startProgram(test, 'prober-program', [path, 'a'], stranger);
      assert.equal(await program.line(), answer);
      await program.kill('SIGKILL');
    }
  });

  it('of a dead user is replaced by root', async (test) => {
    const path = sharedDirectory(test);
    const first = startProgram(test, 'publisher-program', [path, 'a', instanceOf('1')], owner);
    assert.equal(await first.line(), 'ready');
    await first.kill('SIGKILL');
    const directory = resolveRuntimeDirectory(path);
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    assert.equal(lstatSync(lock.path).uid, 0);
    lock.release();
  });
});
