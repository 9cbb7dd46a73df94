/**
 * Directories, manifests and child processes for the tests of this folder. All of them end with the
 * test.
 */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { currentBootId } from '../../../src/bus/directory/boot-id.js';
import type { Manifest } from '../../../src/bus/directory/manifest.js';
import {
  resolveRuntimeDirectory,
  type RuntimeDirectory,
} from '../../../src/bus/directory/runtime-directory.js';

export const isRoot = process.geteuid?.() === 0;
export const needsRoot = isRoot ? false : 'needs root, to make files of other users';

/** An empty folder that other users may pass through. */
export function scratchFolder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  chmodSync(path, 0o755);
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A fresh private runtime directory. */
export function scratchDirectory(test: TestContext): RuntimeDirectory {
  return resolveRuntimeDirectory(join(scratchFolder(test), 'run'));
}

export function instanceOf(digit: string): string {
  return digit.repeat(32);
}

export function sampleManifest(changes: Partial<Manifest> = {}): Manifest {
  return {
    protocol: 1,
    channel: 'camera/door',
    kind: 'message',
    instance: instanceOf('a'),
    epoch: 0,
    format: { kind: 'text' },
    memory: 'host',
    layout: 'slots',
    slots: 1024,
    slotBytes: 256,
    process: {
      pid: process.pid,
      executable: 'node',
      label: 'test',
      uid: process.geteuid?.() ?? 0,
      startedAt: '2026-01-31T12:00:00.000Z',
      bootId: currentBootId(),
    },
    createdNs: 12_345_678_901,
    userData: {},
    ...changes,
  };
}

export interface Program {
  readonly child: ChildProcess;
  /** The next line of its standard output; rejects when it ends first. */
  line(): Promise<string>;
  /** Sends a signal and, for one that ends the program, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Runs one of the programs beside this file; killed with the test. */
export function startProgram(
  test: TestContext,
  name: string,
  args: readonly string[],
  options: SpawnOptions & { readonly wrapper?: readonly string[] } = {},
): Program {
  const { wrapper = [], ...spawnOptions } = options;
  const path = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  const [command = '', ...rest] = [...wrapper, process.execPath, path, ...args];
  const child = spawn(command, rest, { ...spawnOptions, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  test.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  const output = child.stdout;
  if (output === null) throw new Error('the program has no output');
  const lines = createInterface({ input: output })[Symbol.asyncIterator]();
  return {
    child,
    line: async () => {
      const { done, value } = await lines.next();
      if (done === true) throw new Error(`${name} ended without a line`);
      return value;
    },
    kill: async (signal) => {
      child.kill(signal);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended;
    },
  };
}

/**
 * Resolves when the process is stopped, as /proc says: a signal is not delivered when kill(2)
 * returns.
 */
export async function stopped(pid: number | undefined): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  for (let attempt = 0; attempt < 1000; attempt++) {
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    if (/^State:\tT/m.test(status)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`process ${pid} did not stop`);
}
