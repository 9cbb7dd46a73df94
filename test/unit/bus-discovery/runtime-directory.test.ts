import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  chooseDirectory,
  resolveRuntimeDirectory,
} from '../../../src/bus/directory/runtime-directory.js';
import { mapsEveryUid } from '../../../src/bus/directory/trusted-owner.js';
import { isSluiceError } from '../../../src/core/index.js';
import { needsRoot, scratchDirectory, scratchFolder, startProgram } from './scratch.js';

function assertRefused(path: string, message: RegExp, remedy: RegExp): void {
  assert.throws(
    () => resolveRuntimeDirectory(path),
    (error: unknown) => {
      assert.ok(isSluiceError(error, 'BAD_DIRECTORY'), String(error));
      assert.match(error.message, message);
      assert.match(error.remedy, remedy);
      assert.equal(error.details['path'], path);
      return true;
    },
  );
}

function withUmask<T>(mask: number, action: () => T): T {
  const before = process.umask(mask);
  try {
    return action();
  } finally {
    process.umask(before);
  }
}

function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}

describe('choosing the directory', () => {
  it('takes the argument, SLUICE_DIR, XDG_RUNTIME_DIR, then /tmp, in this order', () => {
    const environment = { SLUICE_DIR: '/a/b', XDG_RUNTIME_DIR: '/run/user/7' };
    assert.deepEqual(chooseDirectory(environment, 7, '/x'), { path: '/x', source: 'argument' });
    assert.deepEqual(chooseDirectory(environment, 7), { path: '/a/b', source: 'SLUICE_DIR' });
    assert.deepEqual(chooseDirectory({ XDG_RUNTIME_DIR: '/run/user/7' }, 7), {
      path: '/run/user/7/sluice',
      source: 'XDG_RUNTIME_DIR',
    });
    assert.deepEqual(chooseDirectory({}, 7), { path: '/tmp/sluice-7', source: 'default' });
  });

  it('counts empty variables and a relative XDG_RUNTIME_DIR as unset', () => {
    const environment = { SLUICE_DIR: '', XDG_RUNTIME_DIR: 'run' };
    assert.equal(chooseDirectory(environment, 7).source, 'default');
    assert.equal(chooseDirectory({ XDG_RUNTIME_DIR: '' }, 7).source, 'default');
  });

  it('refuses an argument that is no path', () => {
    assert.throws(() => resolveRuntimeDirectory(''), TypeError);
    assert.throws(() => resolveRuntimeDirectory(7 as unknown as string), TypeError);
  });

  it('decides once per process', async (test) => {
    const path = join(scratchFolder(test), 'once');
    const program = startProgram(test, 'directory-program', [], {
      env: { PATH: process.env['PATH'], SLUICE_DIR: path },
    });
    const expected = JSON.stringify({ path, source: 'SLUICE_DIR', shared: false });
    assert.equal(await program.line(), expected);
    assert.equal(await program.line(), expected);
  });
});

describe('a private directory', () => {
  it('is made with mode 0700 whatever the umask', (test) => {
    for (const mask of [0, 0o277]) {
      const path = join(scratchFolder(test), 'run');
      const directory = withUmask(mask, () => resolveRuntimeDirectory(path));
      assert.equal(modeOf(path), 0o700);
      assert.equal(directory.shared, false);
      assert.equal(directory.source, 'argument');
    }
  });

  it('is taken as it is when it is good, also by a path with a slash at its end', (test) => {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path, { mode: 0o700 });
    assert.equal(resolveRuntimeDirectory(`${path}/`).path, path);
  });

  it('must not be open to group or others', (test) => {
    for (const mode of [0o710, 0o701, 0o770, 0o777, 0o1777, 0o755]) {
      const path = join(scratchFolder(test), 'run');
      mkdirSync(path);
      chmodSync(path, mode);
      const octal = mode.toString(8).padStart(4, '0');
      assertRefused(path, new RegExp(`has mode ${octal}`), /chmod 700 '.*run'/);
      execFileSync('chmod', ['700', path]);
      assert.equal(resolveRuntimeDirectory(path).path, path);
    }
  });

  it('must not be a symbolic link, not even to a good directory or with a slash', (test) => {
    const folder = scratchFolder(test);
    const path = join(folder, 'link');
    mkdirSync(join(folder, 'good'), { mode: 0o700 });
    symlinkSync('good', path);
    assertRefused(path, /is a symbolic link/, /rm '.*link'/);
    assert.throws(() => resolveRuntimeDirectory(`${path}/`), /symbolic link/);
    rmdirSync(join(folder, 'good'));
    assertRefused(path, /is a symbolic link/, /rm '.*link'/);
  });

  it('must be a directory with a parent', (test) => {
    const folder = scratchFolder(test);
    const path = join(folder, 'file');
    writeFileSync(path, '');
    assertRefused(path, /is not a directory/, /mv '.*file'/);
    assertRefused(join(folder, 'no', 'run'), /parent directory does not exist/, /mkdir -p -m 700/);
    assert.throws(
      () => resolveRuntimeDirectory(join(path, 'run')),
      (error: unknown) => isSluiceError(error, 'BAD_DIRECTORY'),
    );
  });

  it('must belong to this user', { skip: needsRoot }, (test) => {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, 65534, 65534);
    assertRefused(path, /belongs to uid 65534, this process runs as uid 0/, /mkdir -m 700/);
  });

  it('is made again by ensure() when it vanished, and checked again', (test) => {
    const directory = scratchDirectory(test);
    rmSync(directory.path, { recursive: true });
    directory.ensure();
    assert.equal(modeOf(directory.path), 0o700);
    chmodSync(directory.path, 0o755);
    assert.throws(() => directory.ensure(), /has mode 0755/);
    chmodSync(directory.path, 0o3770);
    assert.throws(() => directory.ensure(), /changed between private and shared/);
  });
});

describe('a shared directory', () => {
  it('is accepted when it is explicit, sticky, group-writable and of root or this user', (test) => {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path);
    chmodSync(path, 0o3770);
    const directory = resolveRuntimeDirectory(path);
    assert.equal(directory.shared, true);
    assert.equal(directory.groupId, statSync(path).gid);
    assert.deepEqual(directory.fileModes, { socket: 0o660, lock: 0o660, manifest: 0o640 });
    chmodSync(path, 0o1775);
    assert.equal(resolveRuntimeDirectory(path).shared, true);
  });

  it('must be sticky and not writable by others', (test) => {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path);
    for (const mode of [0o2770, 0o770, 0o1773, 0o1777]) {
      chmodSync(path, mode);
      assert.throws(() => resolveRuntimeDirectory(path), /has mode/);
    }
  });

  it('must not belong to some other user', { skip: needsRoot }, (test) => {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path);
    chownSync(path, 1234, 0);
    chmodSync(path, 0o3770);
    assertRefused(path, /belongs to uid 1234/, /install -d -m 3770/);
  });

  it('is never accepted when nobody named it', async (test) => {
    const folder = scratchFolder(test);
    mkdirSync(join(folder, 'sluice'));
    chmodSync(join(folder, 'sluice'), 0o3770);
    const program = startProgram(test, 'directory-program', [], {
      env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: folder },
    });
    assert.equal(await program.line(), JSON.stringify({ code: 'BAD_DIRECTORY' }));
  });

  it('gives new files its group and their mode', { skip: needsRoot }, (test) => {
    const path = join(scratchFolder(test), 'run');
    mkdirSync(path);
    chownSync(path, 0, 4321);
    chmodSync(path, 0o1770);
    const directory = resolveRuntimeDirectory(path);
    const file = join(path, 'file');
    const descriptor = openSync(file, 'wx', 0o600);
    directory.own(descriptor, directory.fileModes.lock);
    closeSync(descriptor);
    assert.equal(lstatSync(file).gid, 4321);
    assert.equal(modeOf(file), 0o660);
  });
});

describe('paths of a channel', () => {
  it('replace / by ~ and never leave the directory', (test) => {
    const directory = scratchDirectory(test);
    assert.equal(directory.socketPath('camera/door'), join(directory.path, 'camera~door.sock'));
    assert.equal(directory.manifestPath('camera/door'), join(directory.path, 'camera~door.json'));
    assert.equal(directory.lockPath('camera/door'), join(directory.path, 'camera~door.lock'));
    for (const name of [
      '',
      '../x',
      'a/../b',
      '/a',
      'a//b',
      '.a',
      'A',
      'a~b',
      'a\0b',
      'a'.repeat(65),
    ]) {
      assert.throws(() => directory.socketPath(name), TypeError);
      assert.throws(() => directory.manifestPath(name), TypeError);
      assert.throws(() => directory.lockPath(name), TypeError);
    }
  });

  it('of a socket have at most 107 bytes, counted as bytes', (test) => {
    const folder = scratchFolder(test);
    const room = 107 - Buffer.byteLength(join(folder, '/'));
    // 'ü' has two bytes: a path of 107 UTF-16 units can be too long.
    const name = `ü${'x'.repeat(room - '/abc.sock'.length - 2)}`;
    const directory = resolveRuntimeDirectory(join(folder, name));
    assert.equal(Buffer.byteLength(directory.socketPath('abc')), 107);
    assert.throws(
      () => directory.socketPath('abcd'),
      (error: unknown) =>
        error instanceof RangeError && /has 108 bytes, at most 107/.test(error.message),
    );
    assert.ok(!existsSync(directory.manifestPath('abcd')));
  });
});

describe('user ids', () => {
  it('are ambiguous wherever not every id is mapped', () => {
    assert.equal(mapsEveryUid('         0          0 4294967295\n'), true);
    assert.equal(mapsEveryUid('         0       1000          1\n'), false);
    assert.equal(mapsEveryUid('         0     100000      65536\n'), false);
    assert.equal(mapsEveryUid(''), false);
  });
});
