/**
 * A program in what a container is made of: pid, ipc, mount, network and uts namespaces of its own, another user, and one
 * directory that it shares with others. What it needs to run it has from the machine, read-only, like an image.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Runtime } from './runtime.js';

/** This file runs from dist/test/process/. */
const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));

const NAMESPACES = ['--pid', '--ipc', '--mount', '--net', '--uts', '--fork', '--mount-proc'];

/** The first process of the container: it makes the place, then runs the program as somebody else. */
const INIT = [
  'set -e',
  'shared=$1; at=$2; user=$3; group=$4; root=$5; media=$6; shift 6',
  'hostname contained',
  'mount -t tmpfs -o mode=755 none /run',
  'mkdir -p "/run/$at"',
  'mount --bind "$shared" "/run/$at"',
  'if [ -n "$media" ]; then mkdir /run/media; mount --bind -o ro "$media" /run/media; fi',
  // What else lies in these is of the machine: the program shall not find it, but for itself, which may lie there too.
  'mount --bind "$root" /mnt',
  'mount -t tmpfs -o mode=1777 none /tmp',
  'mkdir -p "$root"',
  'mount --move /mnt "$root"',
  'mount -t tmpfs -o mode=1777 none /dev/shm',
  'setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs "$@"',
  'exit $?',
].join('\n');

export interface ContainerOptions {
  /** The directory of the machine, and what it is called inside, below /run. */
  readonly shared: string;
  readonly at: string;
  readonly uid: number;
  readonly gid: number;
  /** A directory of the machine that is read-only at /run/media inside. */
  readonly media?: string;
}

/** The group of the users that share a directory, of the administrator's choice. */
export const GROUP = 4242;

/** The directory of a test as an administrator makes it: `install -d -m 3770 -g GROUP`. */
export function sharedDirectory({ folder, directory }: Runtime): string {
  chmodSync(folder, 0o755);
  mkdirSync(directory);
  chownSync(directory, 0, GROUP);
  chmodSync(directory, 0o3770);
  return directory;
}

interface Contained {
  /** The command that runs another in its container. */
  readonly wrapper: readonly string[];
}

export function contained({ shared, at, uid, gid, media = '' }: ContainerOptions): Contained {
  const given = [shared, at, String(uid), String(gid), repositoryRoot, media];
  const unshare = ['unshare', ...NAMESPACES, '--kill-child', '--propagation', 'private'];
  return { wrapper: [...unshare, 'sh', '-c', INIT, 'init', ...given] };
}

/** Why there can be no such thing here; undefined when there can. */
export function withoutContainers(): string | undefined {
  if (process.geteuid?.() !== 0) return 'needs root, to make namespaces';
  const { wrapper } = contained({ shared: '/', at: 'x', uid: 1000, gid: 1000 });
  const [command = '', ...words] = [...wrapper, 'true'];
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `namespaces cannot be made here: ${stderr.trim().slice(0, 200)}`;
}
