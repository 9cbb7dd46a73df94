/**
 * The lifetime lock of a publisher: flock(2) on the channel's lock file.
 *
 * The kernel gives the lock back when the process is gone, however it ended, and keeps it while the
 * process is stopped: the lock says who lives, and no timer does. Its content is for people only.
 *
 * The file is removed at the end, so a lock may be won on a file that no longer has a name. Whoever
 * wins a lock therefore looks again whether the name still leads to the file it locked, and only
 * the holder removes the name.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  unlinkSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { printable, SluiceError } from '../../core/index.js';
import { tryLockExclusive } from '../../ffi/index.js';
import { currentBootId } from './boot-id.js';
import { errnoCode, fileFailure } from './file-failure.js';
import type { RuntimeDirectory } from './runtime-directory.js';
import { ownUid } from './trusted-owner.js';

/**
 * How often the file may be replaced between our open and our lock before the channel counts as
 * taken.
 */
const MAX_ATTEMPTS = 16;

/**
 * {@link isClaimed} holds a free lock for an instant; a claim looks again rather than mistake that
 * for an owner.
 */
const LOCK_TRIES = 5;
const LOCK_RETRY_MS = 2;

/**
 * open(2) of a lock file. libuv adds O_CLOEXEC to every open; O_NONBLOCK keeps a planted FIFO from
 * blocking us.
 */
const OPEN_FLAGS = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A channel that this process owns until `release()` or its end. */
export interface ChannelLock {
  readonly channel: string;
  readonly path: string;
  /**
   * Whether the name still leads to the locked file. When not, somebody removed it and the channel
   * can be taken.
   */
  isIntact(): boolean;
  /**
   * Removes the lock file, if it is still ours, and gives the lock back. Synchronous and
   * idempotent.
   */
  release(): void;
}

/**
 * Claims the channel, or returns undefined when another live (or stopped) owner has it. `instance`
 * is written into the file beside pid and boot id. Sleeps for at most 8 ms. Remains of a dead
 * publisher stay where they are: see `clearRemains` in debris.ts.
 * Throws `SluiceError` BAD_DIRECTORY (something else stands in the lock's place), ACCESS_DENIED
 * (another user's lock file in a shared directory), NO_SPACE, TOO_MANY_FILES.
 */
export function tryClaim(
  directory: RuntimeDirectory,
  channel: string,
  instance?: string,
): ChannelLock | undefined {
  const path = directory.lockPath(channel);
  directory.ensure();
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const outcome = claimOnce(directory, channel, path, instance);
      if (outcome !== 'again') return outcome;
    }
    return undefined;
  } catch (error) {
    throw fileFailure(`claim the lock ${printable(path)}`, error);
  }
}

/**
 * Whether a live or stopped process holds the channel. Takes the lock for an instant when it is
 * free, so it is not meant for tight loops. A lock file that this user may not open counts as
 * claimed.
 * Throws `SluiceError` TOO_MANY_FILES and the like: not knowing is not the same as free.
 */
export function isClaimed(directory: RuntimeDirectory, channel: string): boolean {
  const path = directory.lockPath(channel);
  try {
    return probe(path);
  } catch (error) {
    throw fileFailure(`look at the lock ${printable(path)}`, error);
  }
}

function claimOnce(
  directory: RuntimeDirectory,
  channel: string,
  path: string,
  instance: string | undefined,
): ChannelLock | 'again' | undefined {
  const descriptor = openLockFile(directory, path);
  if (descriptor === undefined) return 'again';
  let kept = false;
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw notALockFile(path, 'not a regular file');
    if (!lockPatiently(descriptor)) return undefined;
    if (!leadsTo(path, stats)) return 'again';
    if (stats.uid !== ownUid()) {
      removeForeign(path, stats.uid);
      return 'again';
    }
    writeOwner(descriptor, instance);
    kept = true;
    return new HeldLock(channel, path, descriptor, stats);
  } finally {
    if (!kept) closeSync(descriptor);
  }
}

/** Undefined when another process made or removed the file in between. */
function openLockFile(directory: RuntimeDirectory, path: string): number | undefined {
  // Without O_CREAT first: in a sticky directory fs.protected_regular refuses O_CREAT on another
  // user's file.
  const existing = openExisting(path, constants.O_RDWR);
  if (existing !== undefined) return existing;
  const { lock: mode } = directory.fileModes;
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | OPEN_FLAGS;
    return ownedBy(directory, openSync(path, flags, mode));
  } catch (error) {
    if (errnoCode(error) === 'EEXIST') return undefined;
    throw error;
  }
}

function ownedBy(directory: RuntimeDirectory, descriptor: number): number {
  try {
    directory.own(descriptor, directory.fileModes.lock);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Undefined when there is no file. */
function openExisting(path: string, access: number): number | undefined {
  try {
    return openSync(path, access | OPEN_FLAGS);
  } catch (error) {
    const code = errnoCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw notALockFile(path, 'a symbolic link');
    if (code === 'EISDIR') throw notALockFile(path, 'a directory');
    if (code === 'ENXIO') throw notALockFile(path, 'not a regular file');
    throw error;
  }
}

function probe(path: string): boolean {
  let descriptor: number | undefined;
  try {
    descriptor = openExisting(path, constants.O_RDONLY);
  } catch (error) {
    if (errnoCode(error) === 'EACCES') return true;
    throw error;
  }
  if (descriptor === undefined) return false;
  try {
    if (!fstatSync(descriptor).isFile()) throw notALockFile(path, 'not a regular file');
    // The name may lead elsewhere by now, but then the channel was free for a moment of this call.
    return !tryLockExclusive(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function lockPatiently(descriptor: number): boolean {
  for (let attempt = 1; ; attempt++) {
    if (tryLockExclusive(descriptor)) return true;
    if (attempt === LOCK_TRIES) return false;
    pause(LOCK_RETRY_MS);
  }
}

const neverNotified = new Int32Array(new SharedArrayBuffer(4));

function pause(milliseconds: number): void {
  Atomics.wait(neverNotified, 0, 0, milliseconds);
}

/**
 * Whether `path` names exactly this file. An inode number is not reused while a descriptor is open.
 */
function leadsTo(path: string, file: Stats): boolean {
  const named = lstatSync(path, { throwIfNoEntry: false });
  return named !== undefined && named.dev === file.dev && named.ino === file.ino;
}

/**
 * A free lock file of another user: its mode and removal would be theirs to decide, so it is
 * replaced by our own.
 */
function removeForeign(path: string, uid: number): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return;
    throw new SluiceError(
      'ACCESS_DENIED',
      `cannot claim the lock ${printable(path)}: it was left by uid ${uid}, ` +
        'and only that user or root may remove it',
      {
        details: { path, uid },
        remedy: `Run \`sluice doctor --clean\` as uid ${uid} or as root.`,
        cause: error,
      },
    );
  }
}

function writeOwner(descriptor: number, instance: string | undefined): void {
  const owner = { pid: process.pid, bootId: currentBootId(), instance };
  ftruncateSync(descriptor, 0);
  writeSync(descriptor, `${JSON.stringify(owner)}\n`, 0);
}

function notALockFile(path: string, found: string): SluiceError<'BAD_DIRECTORY'> {
  return new SluiceError('BAD_DIRECTORY', `the lock ${printable(path)} is ${found}`, {
    details: { path, found },
    remedy: 'Remove it; Sluice makes its lock files itself.',
  });
}

class HeldLock implements ChannelLock {
  readonly channel: string;
  readonly path: string;
  readonly #file: Stats;
  #descriptor: number | undefined;

  constructor(channel: string, path: string, descriptor: number, file: Stats) {
    this.channel = channel;
    this.path = path;
    this.#descriptor = descriptor;
    this.#file = file;
  }

  isIntact(): boolean {
    return this.#descriptor !== undefined && leadsTo(this.path, this.#file);
  }

  release(): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    try {
      // While the lock is held: whoever opened the old file before sees afterwards that it has lost
      // its name.
      if (this.isIntact()) unlinkSync(this.path);
    } catch (error) {
      // A directory that has become read-only must not keep the lock: a file that stays behind is
      // free, thus debris.
      if (errnoCode(error) === undefined) throw error;
    } finally {
      this.#descriptor = undefined;
      closeSync(descriptor);
    }
  }
}
