/** What `sluice doctor` finds out about the machine, the user and the runtime: one function a check. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { printable } from '../../core/index.js';
import {
  acceptUnix,
  closeDescriptor,
  connectUnix,
  listenUnix,
  memoryLimits,
  peerPidfd,
} from '../../ffi/index.js';
import { koffi } from '../../ffi/koffi.js';
import { assertEnforcedSeals, systemFailure } from '../../memory/index.js';
import type { RuntimeDirectory } from '../../bus/directory/runtime-directory.js';
import { formatBytes } from '../units.js';
import { type Check, failed, none, ok, warn } from './check.js';
import { softLimit } from './limits.js';

/** Runs all of them, in the order in which they are shown. */
export function machineChecks(): readonly Check[] {
  return [
    checkRuntime(process.versions, process.execArgv),
    checkForeignCalls(),
    checkSealedMemory(),
    checkPidfd(),
    checkMemory(),
    ...checkLimits(readFileSync('/proc/self/limits', 'utf8')),
    checkInotify(),
    checkFfmpeg(),
  ];
}

/** Electron forbids external memory; Bun and Deno lack what waiting on a descriptor needs. */
export function checkRuntime(
  versions: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
): Check {
  const topic = 'runtime';
  for (const [key, name] of [
    ['electron', 'Electron'],
    ['bun', 'Bun'],
    ['deno', 'Deno'],
  ] as const) {
    if (versions[key] === undefined) continue;
    const text = `the runtime is ${name} ${versions[key]}, which cannot map shared memory as Node does`;
    const remedy = 'Run this program with Node 20.19 or newer, as a process of its own.';
    return { level: 'FAIL', topic, text, remedy, code: 'UNSUPPORTED' };
  }
  if (flags.some((flag) => /^--(?:experimental-)?permission\b/.test(flag))) {
    const text = 'Node runs with its permission model, which forbids native code';
    const remedy = 'Leave out --permission and --experimental-permission.';
    return { level: 'FAIL', topic, text, remedy, code: 'UNSUPPORTED' };
  }
  return ok(topic, `Node ${versions['node']}, ${process.arch}`);
}

function checkForeignCalls(): Check {
  try {
    return ok('koffi', `koffi ${koffi().version}`);
  } catch (error) {
    return failed('koffi', error);
  }
}

function checkSealedMemory(): Check {
  try {
    assertEnforcedSeals();
    const [version = ''] = /^\d+\.\d+/.exec(release()) ?? [];
    return ok('memfd', `kernel ${version} has sealed memfd`);
  } catch (error) {
    return failed('memfd', error);
  }
}

/** SO_PEERPIDFD, Linux 6.5: the death of a peer is known also while a child holds its socket. */
function checkPidfd(): Check {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  const open: number[] = [];
  const keep = (descriptor: number): number => {
    open.push(descriptor);
    return descriptor;
  };
  try {
    const path = join(folder, 'probe.sock');
    const listener = keep(listenUnix(path, 0o600));
    const client = keep(connectUnix(path));
    acceptUnix(listener);
    const pidfd = peerPidfd(client);
    if (pidfd === undefined) {
      return warn(
        'pidfd',
        'no SO_PEERPIDFD: a death is seen at the end of the socket only',
        'Linux 6.5 or newer has it; without it a child that keeps the socket open hides the death.',
      );
    }
    keep(pidfd);
    return ok('pidfd', 'deaths are seen by pidfd');
  } catch (error) {
    return failed('pidfd', systemFailure('ask a socket for the pidfd of its peer', error));
  } finally {
    for (const descriptor of open) closeDescriptor(descriptor);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Less than this is left for channels with pictures. */
const LITTLE_MEMORY_BYTES = 512 * 1024 * 1024;

function checkMemory(): Check {
  try {
    const { availableBytes, cgroupLimitBytes } = memoryLimits();
    const limit =
      cgroupLimitBytes === undefined
        ? ''
        : `, the control group may use ${formatBytes(cgroupLimitBytes)}`;
    const text = `${formatBytes(availableBytes)} of memory left${limit}`;
    if (availableBytes >= LITTLE_MEMORY_BYTES) return ok('memory', text);
    return warn(
      'memory',
      text,
      'Use fewer slots, or raise the limit: channels take what they ask for at once.',
    );
  } catch (error) {
    return failed('memory', systemFailure('read the limits of memory', error));
  }
}

/** A subscriber has about four descriptors, a publisher three and two a subscriber. */
const ENOUGH_FILES = 1024;

/** `limits`: proc_pid_limits(5). */
export function checkLimits(limits: string): readonly Check[] {
  const files = softLimit(limits, 'Max open files');
  const locked = softLimit(limits, 'Max locked memory');
  const checks: Check[] = [];
  if (files !== undefined) {
    const text = `RLIMIT_NOFILE ${files === Infinity ? 'unlimited' : files}`;
    const remedy = 'Raise it: ulimit -n 65536';
    checks.push(
      files >= ENOUGH_FILES ? ok('RLIMIT_NOFILE', text) : warn('RLIMIT_NOFILE', text, remedy),
    );
  }
  if (locked !== undefined) {
    const amount = locked === Infinity ? 'unlimited' : formatBytes(locked);
    checks.push(ok('RLIMIT_MEMLOCK', `RLIMIT_MEMLOCK ${amount}, host memory needs none`));
  }
  return checks;
}

/** inotify(7): a process that watches channels takes one instance of its user's. */
function checkInotify(): Check {
  try {
    const path = '/proc/sys/fs/inotify/max_user_instances';
    const count = Number(readFileSync(path, 'utf8').trim());
    const text = `${count} inotify instances a user`;
    if (count >= 128) return ok('inotify', text);
    return warn(
      'inotify',
      `${text}: without one, new channels are found by looking each second`,
      'sudo sysctl fs.inotify.max_user_instances=512',
    );
  } catch {
    return none('inotify', 'no inotify: new channels are found by looking each second');
  }
}

const FFMPEG_TIMEOUT_MS = 5000;

function checkFfmpeg(): Check {
  const { stdout, status } = spawnSync('ffmpeg', ['-version'], {
    encoding: 'utf8',
    timeout: FFMPEG_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (status !== 0) return none('ffmpeg', 'ffmpeg (needed by nothing but examples)');
  const version = /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
  return ok('ffmpeg', `ffmpeg ${printable(version, 32)}`);
}

export function checkDirectory(directory: RuntimeDirectory): Check {
  const { path, source, shared } = directory;
  const from =
    source === 'argument' ? '--dir' : source === 'default' ? 'the default' : `$${source}`;
  const mode = shared ? 'shared by a group' : '0700';
  return ok('directory', `${printable(path)} ${mode}, from ${from}`);
}
