import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  encodeManifest,
  readManifest,
  removeManifest,
  writeManifest,
} from '../../../src/bus/directory/manifest.js';
import {
  resolveRuntimeDirectory,
  type RuntimeDirectory,
} from '../../../src/bus/directory/runtime-directory.js';
import { isSluiceError, type ErrorCode } from '../../../src/core/index.js';
import {
  instanceOf,
  isRoot,
  needsRoot,
  sampleManifest,
  scratchDirectory,
  scratchFolder,
} from './scratch.js';

function assertUnreadable(directory: RuntimeDirectory, code: ErrorCode, message: RegExp): void {
  assert.throws(
    () => readManifest(directory, 'camera/door'),
    (error: unknown) => {
      assert.ok(isSluiceError(error, code), String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

describe('the file of a manifest', () => {
  it('is written as a whole, readable by its owner alone, and read back', (test) => {
    const directory = scratchDirectory(test);
    assert.equal(readManifest(directory, 'camera/door'), undefined);
    const before = process.umask(0);
    test.after(() => process.umask(before));
    for (const epoch of [0, 1]) {
      writeManifest(directory, sampleManifest({ epoch }));
      assert.equal(readManifest(directory, 'camera/door')?.epoch, epoch);
    }
    assert.deepEqual(readdirSync(directory.path), ['camera~door.json']);
    assert.equal(lstatSync(directory.manifestPath('camera/door')).mode & 0o7777, 0o600);
  });

  it('replaces what a crash or a stranger left in the way, following no link', (test) => {
    const directory = scratchDirectory(test);
    const victim = join(directory.path, 'victim');
    writeFileSync(victim, 'untouched');
    symlinkSync(victim, join(directory.path, 'camera~door.new'));
    symlinkSync(victim, directory.manifestPath('camera/door'));
    writeManifest(directory, sampleManifest());
    assert.equal(execFileSync('cat', [victim], { encoding: 'utf8' }), 'untouched');
    assert.ok(lstatSync(directory.manifestPath('camera/door')).isFile());
    assert.deepEqual(readdirSync(directory.path).sort(), ['camera~door.json', 'victim']);
  });

  it('is not written when the manifest is bad, and leaves nothing when writing fails', (test) => {
    const directory = scratchDirectory(test);
    assert.throws(() => writeManifest(directory, sampleManifest({ slots: 0 })), RangeError);
    mkdirSync(join(directory.manifestPath('camera/door'), 'full'), { recursive: true });
    assert.throws(
      () => writeManifest(directory, sampleManifest()),
      (error: unknown) => isSluiceError(error, 'SYSTEM') && /EISDIR|ENOTEMPTY/.test(error.message),
    );
    assert.deepEqual(readdirSync(directory.path), ['camera~door.json']);
  });

  it('is removed by the instance that it announces, and by no other', (test) => {
    const directory = scratchDirectory(test);
    assert.equal(removeManifest(directory, 'camera/door', instanceOf('a')), false);
    writeManifest(directory, sampleManifest());
    assert.equal(removeManifest(directory, 'camera/door', instanceOf('b')), false);
    assert.ok(existsSync(directory.manifestPath('camera/door')));
    assert.equal(removeManifest(directory, 'camera/door', instanceOf('a')), true);
    assert.equal(existsSync(directory.manifestPath('camera/door')), false);
    writeFileSync(directory.manifestPath('camera/door'), 'garbage');
    assert.equal(removeManifest(directory, 'camera/door', instanceOf('a')), false);
  });

  it('must be a regular file: no link, FIFO, directory, device or socket', (test) => {
    const directory = scratchDirectory(test);
    const path = directory.manifestPath('camera/door');
    const good = join(directory.path, 'good');
    writeFileSync(good, encodeManifest(sampleManifest()), { mode: 0o600 });
    symlinkSync(good, path);
    assertUnreadable(directory, 'PROTOCOL', /is a symbolic link/);
    rmSync(path);
    execFileSync('mkfifo', ['-m', '600', path]);
    assertUnreadable(directory, 'PROTOCOL', /is not a regular file/);
    rmSync(path);
    mkdirSync(path, { mode: 0o700 });
    assertUnreadable(directory, 'PROTOCOL', /is not a regular file/);
    rmSync(path, { recursive: true });
    if (isRoot) {
      execFileSync('mknod', ['-m', '600', path, 'c', '1', '5']);
      assertUnreadable(directory, 'PROTOCOL', /is not a regular file/);
      rmSync(path);
    }
    const listen = `import('node:net').then((net) => {
      net.createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL')) })`;
    assert.throws(() => execFileSync(process.execPath, ['-e', listen, path]));
    assert.ok(lstatSync(path).isSocket());
    assertUnreadable(directory, 'PROTOCOL', /is not a regular file/);
  });

  it('must be small, UTF-8, JSON, and of this channel', (test) => {
    const directory = scratchDirectory(test);
    const path = directory.manifestPath('camera/door');
    writeFileSync(path, Buffer.alloc(65_537, ' '), { mode: 0o600 });
    assertUnreadable(directory, 'PROTOCOL', /has 65537 bytes, at most 65536/);
    execFileSync('truncate', ['-s', '1T', path]);
    assertUnreadable(directory, 'PROTOCOL', /has 1099511627776 bytes/);
    rmSync(path);
    writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d]), { mode: 0o600 });
    assertUnreadable(directory, 'PROTOCOL', /is not UTF-8/);
    writeFileSync(path, '');
    assertUnreadable(directory, 'PROTOCOL', /is not JSON/);
    writeFileSync(path, '['.repeat(60_000));
    assertUnreadable(directory, 'PROTOCOL', /nests deeper than 8/);
    rmSync(path);
    writeManifest(directory, sampleManifest({ channel: 'camera/yard' }));
    linkSync(directory.manifestPath('camera/yard'), path);
    assertUnreadable(directory, 'PROTOCOL', /channel must be 'camera\/door', got 'camera\/yard'/);
  });

  it('must belong to this user or an allowed one, and be writable by nobody else', (test) => {
    const directory = scratchDirectory(test);
    const path = directory.manifestPath('camera/door');
    writeManifest(directory, sampleManifest());
    chmodSync(path, 0o620);
    assertUnreadable(directory, 'ACCESS_DENIED', /other users may write/);
    chmodSync(path, 0o602);
    assertUnreadable(directory, 'ACCESS_DENIED', /other users may write/);
    if (!isRoot) return;
    chmodSync(path, 0o600);
    chownSync(path, 65534, 65534);
    assertUnreadable(directory, 'ACCESS_DENIED', /belongs to uid 65534/);
    assert.ok(readManifest(directory, 'camera/door', { allowUids: [65534] }));
    assert.throws(() => readManifest(directory, 'camera/door', { allowUids: [65533] }));
  });

  it('is readable by the group in a shared directory', { skip: needsRoot }, (test) => {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path);
    chownSync(path, 0, 4321);
    chmodSync(path, 0o1770);
    const directory = resolveRuntimeDirectory(path);
    writeManifest(directory, sampleManifest());
    const { mode, gid } = lstatSync(directory.manifestPath('camera/door'));
    assert.deepEqual([mode & 0o7777, gid], [0o640, 4321]);
    assert.ok(readManifest(directory, 'camera/door'));
  });
});
