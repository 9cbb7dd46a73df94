/** What tests need of descriptors: counting them, looking at them, and a connected pair of sockets. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libcFunction } from '../../../src/ffi/koffi.js';
import { acceptUnix, closeDescriptor, connectUnix, listenUnix } from '../../../src/ffi/index.js';

/** Open descriptors of this process (the one that reads the directory always counts itself). */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Whether `fd` closes on exec: flag 02000000 of /proc/self/fdinfo, proc_pid_fdinfo(5). */
export function closesOnExec(fd: number): boolean {
  const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  return (Number.parseInt(flags ?? '0', 8) & 0o2000000) !== 0;
}

export interface TemporaryDirectory {
  readonly path: string;
  remove(): void;
}

export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Two connected non-blocking sockets. */
export function socketPair(): { readonly client: number; readonly server: number; close(): void } {
  const directory = temporaryDirectory();
  const path = join(directory.path, 's');
  const listener = listenUnix(path, 0o600);
  const client = connectUnix(path);
  const server = acceptUnix(listener);
  if (server === undefined) throw new Error('a completed connect must be there to accept');
  closeDescriptor(listener);
  directory.remove();
  return {
    client,
    server,
    close: () => {
      closeDescriptor(client);
      closeDescriptor(server);
    },
  };
}

/** pipe2(2) with O_CLOEXEC | O_NONBLOCK. */
export function makePipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const pipe2 = libcFunction<(ends: Uint8Array, flags: number) => number>(
    'int pipe2(void *ends, int flags)',
  );
  const ends = Buffer.alloc(8);
  if (pipe2(ends, 0o2004000) !== 0) throw new Error('pipe2 failed');
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}
