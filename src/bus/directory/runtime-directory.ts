/**
 * The runtime directory: where the channels of a user (or of a group of users) meet.
 *
 * **Private**, the usual case: mode 0700, owned by this user. Nobody else can plant, remove or open
 * anything.
 *
 * **Shared** between users or containers: a directory that an administrator made and that is named
 * explicitly (as an argument or in SLUICE_DIR), for example by `install -d -m 3770 -g video
 * /run/sluice`. It must be owned by root or this user, be group-writable, have the sticky bit (so
 * that members cannot remove each other's files) and not be writable by others. Sockets and locks
 * are then 0660 and manifests 0640, in the directory's group; publishers and subscribers still
 * refuse other users unless `allow` names them.
 */
import { chmodSync, fchmodSync, fchownSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { printable, SluiceError } from '../../core/index.js';
import { channelFilePath } from './channel-files.js';
import { errnoCode, fileFailure } from './file-failure.js';
import { isOwnUid, ownUid } from './trusted-owner.js';

/**
 * `sun_path` of unix(7) has 108 bytes with the terminating zero; Node cuts longer paths without a
 * word.
 */
export const MAX_SOCKET_PATH_BYTES = 107;

/** What named the directory: a path in the program, a variable, or nothing. */
export type DirectorySource = 'argument' | 'SLUICE_DIR' | 'XDG_RUNTIME_DIR' | 'default';

/** A directory that was checked, with the paths and modes of what lies in it. */
export interface RuntimeDirectory {
  /** Absolute. */
  readonly path: string;
  /** Where the choice came from; `sluice doctor` shows it. */
  readonly source: DirectorySource;
  /** Whether several users meet here; see the file's comment. */
  readonly shared: boolean;
  /** Modes for new files, to be set explicitly: the umask must not decide them. */
  readonly fileModes: { readonly socket: number; readonly lock: number; readonly manifest: number };
  /** In a shared directory the group that new files are given to (a socket by `lchown`). */
  readonly groupId: number | undefined;
  /**
   * Throws `RangeError` when the path has more than 107 bytes, `TypeError` for what is no channel
   * name.
   */
  socketPath(channel: string): string;
  manifestPath(channel: string): string;
  lockPath(channel: string): string;
  /**
   * Makes the directory again when it vanished, and checks it again. Throws `SluiceError`
   * BAD_DIRECTORY.
   */
  ensure(): void;
  /** Gives a new file of ours its mode and, in a shared directory, its group. */
  own(descriptor: number, mode: number): void;
}

interface Choice {
  readonly path: string;
  readonly source: DirectorySource;
}

let decided: RuntimeDirectory | undefined;

/**
 * The directory `explicit`, or the process's own: `$SLUICE_DIR`, else `$XDG_RUNTIME_DIR/sluice`,
 * else `/tmp/sluice-$UID`, decided once per process. Made with mode 0700 when it is missing (its
 * parent must exist), then checked. Throws `SluiceError` BAD_DIRECTORY that names what was found
 * and the command that mends it.
 */
export function resolveRuntimeDirectory(explicit?: string): RuntimeDirectory {
  if (explicit !== undefined) return openDirectory(chooseDirectory({}, ownUid(), explicit));
  decided ??= openDirectory(chooseDirectory(process.env, ownUid()));
  return decided;
}

/**
 * Which directory is meant. An empty variable counts as unset, and so does a relative
 * `$XDG_RUNTIME_DIR`, as the XDG specification asks. There is no second choice when the first is
 * unusable: two processes that silently took different directories would never meet.
 */
export function chooseDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
  explicit?: string,
): Choice {
  if (explicit !== undefined) {
    if (typeof explicit !== 'string' || explicit === '') {
      throw new TypeError('directory must be a path: a string that is not empty');
    }
    return { path: resolve(explicit), source: 'argument' };
  }
  const { SLUICE_DIR, XDG_RUNTIME_DIR } = environment;
  if (SLUICE_DIR) return { path: resolve(SLUICE_DIR), source: 'SLUICE_DIR' };
  if (XDG_RUNTIME_DIR && isAbsolute(XDG_RUNTIME_DIR)) {
    return { path: join(XDG_RUNTIME_DIR, 'sluice'), source: 'XDG_RUNTIME_DIR' };
  }
  return { path: `/tmp/sluice-${uid}`, source: 'default' };
}

function openDirectory(choice: Choice): RuntimeDirectory {
  const found = createAndInspect(choice);
  const { path, source } = choice;
  const { shared } = found;
  return Object.freeze<RuntimeDirectory>({
    path,
    source,
    shared,
    fileModes: Object.freeze({
      socket: shared ? 0o660 : 0o600,
      lock: shared ? 0o660 : 0o600,
      manifest: shared ? 0o640 : 0o600,
    }),
    groupId: shared ? found.groupId : undefined,
    socketPath: (channel) => boundedSocketPath(path, channel),
    manifestPath: (channel) => channelFilePath(path, channel, 'manifest'),
    lockPath: (channel) => channelFilePath(path, channel, 'lock'),
    ensure: () => {
      if (createAndInspect(choice).shared !== shared) {
        throw refusal(choice, 'changed between private and shared since this process chose it', {
          remedy: 'Restart the process.',
        });
      }
    },
    own: (descriptor, mode) => {
      if (shared) giveToGroup(descriptor, found.groupId);
      fchmodSync(descriptor, mode);
    },
  });
}

function boundedSocketPath(directoryPath: string, channel: string): string {
  const path = channelFilePath(directoryPath, channel, 'socket');
  const byteLength = Buffer.byteLength(path);
  if (byteLength > MAX_SOCKET_PATH_BYTES) {
    throw new RangeError(
      `the socket path ${printable(path)} has ${byteLength} bytes, ` +
        `at most ${MAX_SOCKET_PATH_BYTES} are possible; ` +
        'use a shorter channel name or set SLUICE_DIR to a shorter path',
    );
  }
  return path;
}

/**
 * Who is no member of the directory's group keeps its own: then only `allow`ed users of that group
 * can connect.
 */
function giveToGroup(descriptor: number, groupId: number): void {
  try {
    fchownSync(descriptor, ownUid(), groupId);
  } catch (error) {
    if (errnoCode(error) !== 'EPERM') throw error;
  }
}

function createAndInspect(choice: Choice): { readonly shared: boolean; readonly groupId: number } {
  try {
    createPrivate(choice.path);
    return inspect(choice, lstatSync(choice.path));
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') {
      throw fileFailure(`make the runtime directory ${printable(choice.path)}`, error);
    }
    throw refusal(choice, 'cannot be made, because its parent directory does not exist', {
      remedy: `Run: mkdir -p -m 700 ${quoted(choice.path)}`,
    });
  }
}

function createPrivate(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = errnoCode(error);
    if (code === 'EEXIST') return;
    // A read-only or foreign parent is no obstacle when the directory itself is there.
    if ((code === 'EROFS' || code === 'EACCES') && exists(path)) return;
    throw error;
  }
  chmodSync(path, 0o700);
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function inspect(choice: Choice, stats: Stats): { shared: boolean; groupId: number } {
  const mode = stats.mode & 0o7777;
  if (stats.isSymbolicLink()) {
    throw refusal(choice, 'is a symbolic link', {
      needed: 'the directory itself',
      remedy: `Remove the link with: rm ${quoted(choice.path)}, or name its target.`,
    });
  }
  if (!stats.isDirectory()) {
    throw refusal(choice, 'is not a directory', {
      remedy: `Move it away with: mv ${quoted(choice.path)} ${quoted(`${choice.path}.old`)}`,
    });
  }
  if (isShareable(choice, stats)) return { shared: true, groupId: stats.gid };
  if (!isOwnUid(stats.uid)) {
    throw refusal(choice, `belongs to uid ${stats.uid}, this process runs as uid ${ownUid()}`, {
      found: { uid: stats.uid, mode: octal(mode) },
      remedy:
        'Use a directory of your own: mkdir -m 700 ~/.sluice && export SLUICE_DIR=~/.sluice. ' +
        'To share one between users, run as root: ' +
        `install -d -m 3770 -g GROUP ${quoted(choice.path)}`,
    });
  }
  if ((mode & 0o077) !== 0 || (mode & 0o700) !== 0o700) {
    throw refusal(choice, `has mode ${octal(mode)}, needed is 0700`, {
      found: { uid: stats.uid, mode: octal(mode) },
      // A wrong path may be a directory of the system, and closing that would break the machine.
      remedy: `If it is meant for Sluice alone, run: chmod 700 ${quoted(choice.path)}. Else name a directory of its own.`,
    });
  }
  return { shared: false, groupId: stats.gid };
}

function isShareable(choice: Choice, stats: Stats): boolean {
  if (choice.source !== 'argument' && choice.source !== 'SLUICE_DIR') return false;
  const sticky = (stats.mode & 0o1000) !== 0;
  const groupWritable = (stats.mode & 0o020) !== 0;
  const othersWrite = (stats.mode & 0o002) !== 0;
  return sticky && groupWritable && !othersWrite && (stats.uid === 0 || isOwnUid(stats.uid));
}

function refusal(
  choice: Choice,
  problem: string,
  facts: { readonly remedy: string; readonly found?: unknown; readonly needed?: string },
): SluiceError<'BAD_DIRECTORY'> {
  const { remedy, ...details } = facts;
  return new SluiceError(
    'BAD_DIRECTORY',
    `the runtime directory ${printable(choice.path)} (${sourceText(choice.source)}) ${problem}`,
    { details: { path: choice.path, source: choice.source, problem, ...details }, remedy },
  );
}

function sourceText(source: DirectorySource): string {
  if (source === 'argument') return 'given as an argument';
  return source === 'default' ? 'the default' : `from $${source}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** For a command that a person pastes into a shell. */
function quoted(path: string): string {
  return `'${printable(path).replaceAll("'", String.raw`'\''`)}'`;
}
