/**
 * The identity of this boot of the machine: tells a crash of a process from a crash of the machine.
 */
import { readFileSync } from 'node:fs';

/**
 * What stands for the boot where the kernel does not tell (some sandboxes). Equal to itself only.
 */
export const UNKNOWN_BOOT_ID = 'unknown';

let known: string | undefined;

/**
 * The kernel's random id of this boot (`/proc/sys/kernel/random/boot_id`), the same in every
 * container of the machine; `'unknown'` where it cannot be read. Read once.
 */
export function currentBootId(): string {
  known ??= readBootId();
  return known;
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim() || UNKNOWN_BOOT_ID;
  } catch {
    return UNKNOWN_BOOT_ID;
  }
}
