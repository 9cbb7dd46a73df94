/** What the kernel says of this machine: its memory, the limits of the control group of this process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../core/index.js';

/** More nested control groups than anyone has. */
const MAX_GROUP_DEPTH = 32;

/** Bytes of memory. */
export interface MemoryLimits {
  /** What can still be taken: the smaller of the machine's and the control groups' rest. */
  readonly availableBytes: number;
  /** MemAvailable of /proc/meminfo, proc_meminfo(5). */
  readonly machineAvailableBytes: number;
  /** The limit of the control group with the least left, when there is one. */
  readonly cgroupLimitBytes?: number;
  /** What that group uses, less its inactive file cache, which the kernel gives up first. */
  readonly cgroupUsedBytes?: number;
}

interface GroupFiles {
  readonly mount: string;
  readonly limit: string;
  readonly used: string;
  readonly inactiveCache: string;
}

/** cgroups(7); the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. */
const VERSION_2: GroupFiles = {
  mount: 'sys/fs/cgroup',
  limit: 'memory.max',
  used: 'memory.current',
  inactiveCache: 'inactive_file',
};
const VERSION_1: GroupFiles = {
  mount: 'sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  inactiveCache: 'total_inactive_file',
};

/**
 * What memory is left. fallocate past the limit of a control group is SIGKILL, not ENOSPC, so this is asked first.
 * `root` stands in for `/` in tests.
 */
export function memoryLimits(root = '/'): MemoryLimits {
  const machineAvailableBytes = parseMemAvailable(readFileSync(join(root, 'proc/meminfo'), 'utf8'));
  const tightest = tightestGroup(root);
  if (tightest === undefined)
    return { availableBytes: machineAvailableBytes, machineAvailableBytes };
  const leftBytes = Math.max(0, tightest.limitBytes - tightest.usedBytes);
  return {
    availableBytes: Math.min(machineAvailableBytes, leftBytes),
    machineAvailableBytes,
    cgroupLimitBytes: tightest.limitBytes,
    cgroupUsedBytes: tightest.usedBytes,
  };
}

function parseMemAvailable(meminfo: string): number {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  if (kibibytes === undefined) {
    throw new SluiceError(
      'UNSUPPORTED',
      '/proc/meminfo has no MemAvailable line (Linux 3.14 or newer is needed)',
    );
  }
  return Number(kibibytes) * 1024;
}

interface Group {
  readonly limitBytes: number;
  readonly usedBytes: number;
}

/** A limit holds for all groups below it, so every ancestor counts; the one with the least left decides. */
function tightestGroup(root: string): Group | undefined {
  const membership = memoryGroupPath(readIfThere(join(root, 'proc/self/cgroup')) ?? '');
  if (membership === undefined) return undefined;
  const { files, path } = membership;
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '..');
  let tightest: Group | undefined;
  for (let depth = Math.min(segments.length, MAX_GROUP_DEPTH); depth >= 0; depth -= 1) {
    // Inside a container the path may name a group of the host that is not mounted here: then only ancestors are.
    const group = readGroup(join(root, files.mount, ...segments.slice(0, depth)), files);
    if (group === undefined) continue;
    if (tightest === undefined || left(group) < left(tightest)) tightest = group;
  }
  return tightest;
}

function left(group: Group): number {
  return group.limitBytes - group.usedBytes;
}

/** /proc/self/cgroup, cgroups(7): lines of `id:controllers:path`; version 2 has id 0 and no controllers. */
function memoryGroupPath(
  text: string,
): { readonly files: GroupFiles; readonly path: string } | undefined {
  let unified: string | undefined;
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers.split(',').includes('memory')) return { files: VERSION_1, path };
    if (line.startsWith('0::')) unified = path;
  }
  return unified === undefined ? undefined : { files: VERSION_2, path: unified };
}

/** The group's limit and use, or undefined when it has no limit or is not here. */
function readGroup(directory: string, files: GroupFiles): Group | undefined {
  const limitBytes = parseByteCount(readIfThere(join(directory, files.limit)));
  const usedBytes = parseByteCount(readIfThere(join(directory, files.used)));
  if (limitBytes === undefined || usedBytes === undefined) return undefined;
  const statistics = readIfThere(join(directory, 'memory.stat')) ?? '';
  const cacheBytes = Number(
    new RegExp(`^${files.inactiveCache} (\\d+)$`, 'm').exec(statistics)?.[1] ?? 0,
  );
  return { limitBytes, usedBytes: Math.max(0, usedBytes - cacheBytes) };
}

/** Version 2 writes "max" for no limit, version 1 the largest multiple of a page in 63 bits. */
function parseByteCount(text: string | undefined): number | undefined {
  const digits = /^(\d+)\s*$/.exec(text ?? '')?.[1];
  if (digits === undefined) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Undefined when the file is absent or hidden; any other failure (EMFILE) must not read as "no limit". */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (
      code === 'ENOENT' ||
      code === 'EACCES' ||
      code === 'ENOTDIR' ||
      code === 'EPERM' ||
      code === 'ENODEV'
    ) {
      return undefined;
    }
    throw error;
  }
}
