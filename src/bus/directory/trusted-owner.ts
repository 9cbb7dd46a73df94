/** Which user ids count as this process's own. */
import { readFileSync } from 'node:fs';

/** What the kernel shows for every id that has no counterpart in this user namespace. */
export const OVERFLOW_UID = 65534;

let everyUidMapped: boolean | undefined;

/** The effective uid: the one that files get and peers see. */
export function ownUid(): number {
  const uid = process.geteuid?.();
  if (uid === undefined) throw new TypeError('Sluice needs a system with user ids');
  return uid;
}

/**
 * Whether `uid`, as a file or a socket shows it, is this process's own. In a user namespace 65534
 * stands for every foreign user at once, so there it equals nobody, not even a process that runs as
 * 65534.
 */
export function isOwnUid(uid: number): boolean {
  if (uid !== ownUid()) return false;
  if (uid !== OVERFLOW_UID) return true;
  everyUidMapped ??= mapsEveryUid(readUidMap());
  return everyUidMapped;
}

/**
 * Whether a `/proc/self/uid_map` text maps all 2^32 - 1 ids to themselves, so that no id stands for
 * strangers.
 */
export function mapsEveryUid(uidMap: string): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(uidMap);
}

function readUidMap(): string {
  try {
    return readFileSync('/proc/self/uid_map', 'latin1');
  } catch {
    return '';
  }
}
