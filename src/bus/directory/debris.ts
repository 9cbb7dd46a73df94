/**
 * Debris: the files of a publisher that died without tidying up.
 *
 * A channel's files are debris when its lock is free **and** either nobody listens on its socket,
 * or they stem from another boot of the machine. The lock alone would do for this host; the socket
 * is asked as well because a lock is only as good as the file system's flock. A stopped process
 * keeps its lock and its queue, so its files stay.
 */
import { unlinkSync } from 'node:fs';
import { printable, SluiceError } from '../../core/index.js';
import { currentBootId, UNKNOWN_BOOT_ID } from './boot-id.js';
import { channelFilePath, readChannelFiles, type ChannelFileKind } from './channel-files.js';
import { isClaimed, tryClaim, type ChannelLock } from './channel-lock.js';
import { errnoCode, fileFailure } from './file-failure.js';
import { readForeignText } from './foreign-file.js';
import { readManifest } from './manifest.js';
import type { RuntimeDirectory } from './runtime-directory.js';
import { probeSockets, type SocketState } from './socket-probe.js';

/** The files of one dead publisher. */
export interface Debris {
  readonly channel: string;
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly reason: 'owner ended' | 'earlier boot';
}

/** What {@link cleanDebris} did. */
export interface CleanResult {
  readonly removed: readonly Debris[];
  /** Debris that could not be removed, for example another user's in a shared directory. */
  readonly failed: readonly { readonly channel: string; readonly error: unknown }[];
}

const MAX_LOCK_BYTES = 4096;

/** What a dead publisher may leave beside its lock file, which goes with the lock. */
const REMAINS: readonly ChannelFileKind[] = ['socket', 'manifest', 'newManifest'];

/**
 * The debris in the directory, by channel name. Changes nothing; `onProblem` hears of what cannot
 * be judged.
 */
export async function findDebris(
  directory: RuntimeDirectory,
  onProblem: (channel: string, error: unknown) => void = ignore,
): Promise<readonly Debris[]> {
  const found = readChannelFiles(directory.path);
  const channels = [...found.keys()].sort();
  const states = await probeSockets(
    channels.map((channel) => channelFilePath(directory.path, channel, 'socket')),
  );
  const debris: Debris[] = [];
  for (const [index, channel] of channels.entries()) {
    try {
      const reason = debrisReason(directory, channel, states[index] ?? 'unknown');
      if (reason === undefined) continue;
      const kinds = [...(found.get(channel) ?? [])];
      const files = kinds.map((kind) => channelFilePath(directory.path, channel, kind)).sort();
      debris.push({ channel, files, reason });
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      onProblem(channel, error);
    }
  }
  return debris;
}

function ignore(): void {}

/**
 * Removes the debris in the directory. Each channel is claimed without blocking while its files go,
 * so a publisher that starts meanwhile is either refused for that instant or, once it has the lock,
 * left alone.
 */
export async function cleanDebris(directory: RuntimeDirectory): Promise<CleanResult> {
  const removed: Debris[] = [];
  const failed: { channel: string; error: unknown }[] = [];
  const fail = (channel: string, error: unknown): void => void failed.push({ channel, error });
  for (const debris of await findDebris(directory, fail)) {
    try {
      if (cleanChannel(directory, debris.channel)) removed.push(debris);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      fail(debris.channel, error);
    }
  }
  return { removed, failed };
}

/**
 * False when a publisher came meanwhile. Holding the lock proves that none came since the socket
 * was found dead.
 */
function cleanChannel(directory: RuntimeDirectory, channel: string): boolean {
  const lock = tryClaim(directory, channel);
  if (lock === undefined) return false;
  try {
    clearRemains(directory, lock);
  } finally {
    lock.release();
  }
  return true;
}

/**
 * Removes the socket and manifest that a predecessor left. For the holder of the channel's lock,
 * before it binds its own socket. Throws `SluiceError` ACCESS_DENIED for another user's files in a
 * shared directory.
 */
export function clearRemains(directory: RuntimeDirectory, lock: ChannelLock): void {
  for (const kind of REMAINS) {
    const path = channelFilePath(directory.path, lock.channel, kind);
    try {
      unlinkSync(path);
    } catch (error) {
      const code = errnoCode(error);
      if (code === 'ENOENT') continue;
      if (code !== 'EPERM' && code !== 'EACCES')
        throw fileFailure(`remove ${printable(path)}`, error);
      throw new SluiceError(
        'ACCESS_DENIED',
        `cannot remove ${printable(path)}, left by a dead publisher of another user`,
        {
          details: { path, errno: code },
          remedy: 'Run `sluice doctor --clean` as that user or as root.',
          cause: error,
        },
      );
    }
  }
}

function debrisReason(
  directory: RuntimeDirectory,
  channel: string,
  state: SocketState,
): Debris['reason'] | undefined {
  const earlierBoot = isOfEarlierBoot(directory, channel);
  if (!earlierBoot && state !== 'refused' && state !== 'missing') return undefined;
  // Asked last: a lock seen free before the socket was asked could belong to a publisher that has
  // started since.
  if (isClaimed(directory, channel)) return undefined;
  return earlierBoot ? 'earlier boot' : 'owner ended';
}

function isOfEarlierBoot(directory: RuntimeDirectory, channel: string): boolean {
  const recorded = recordedBootId(directory, channel) ?? UNKNOWN_BOOT_ID;
  const current = currentBootId();
  return recorded !== UNKNOWN_BOOT_ID && current !== UNKNOWN_BOOT_ID && recorded !== current;
}

/**
 * The boot that the files stem from, as the manifest or else the lock file says; undefined when
 * neither does.
 */
function recordedBootId(directory: RuntimeDirectory, channel: string): string | undefined {
  try {
    return readManifest(directory, channel)?.process.bootId ?? bootIdOfLock(directory, channel);
  } catch (error) {
    // Files that cannot be read tell no boot; the lock and the socket decide.
    if (error instanceof SluiceError) return undefined;
    throw error;
  }
}

function bootIdOfLock(directory: RuntimeDirectory, channel: string): string | undefined {
  const path = directory.lockPath(channel);
  const text = readForeignText(path, `lock ${printable(path)}`, MAX_LOCK_BYTES, () => {});
  const bootId = /"bootId":"([0-9A-Za-z-]{1,64})"/.exec(text ?? '');
  return bootId?.[1];
}
