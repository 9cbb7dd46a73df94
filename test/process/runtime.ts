/** A runtime directory of its own for a test, and the counts that tell of leaks. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openPublisher, openSubscriber } from '../../src/index.js';
import { endAll } from './program.js';

interface Closable {
  close(): Promise<unknown>;
}

export class Runtime {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-process-'));
  readonly directory = join(this.folder, 'run');
  readonly #open: Closable[] = [];

  constructor(test?: TestContext) {
    test?.after(() => this.end());
  }

  readonly publisher = (async (channel: string, options: object) =>
    this.#own(
      await openPublisher(channel, { directory: this.directory, ...options } as never),
    )) as unknown as typeof openPublisher;

  readonly subscriber = (async (channel: string, options: object) =>
    this.#own(
      await openSubscriber(channel, { directory: this.directory, ...options } as never),
    )) as unknown as typeof openSubscriber;

  /** Closes all that was opened here and ends all programs. */
  async end(): Promise<void> {
    for (const endpoint of this.#open.splice(0).toReversed()) await endpoint.close();
    await endAll();
    rmSync(this.folder, { recursive: true, force: true });
  }

  files(): string[] {
    return readdirSync(this.directory).sort();
  }

  #own<T>(endpoint: T): T {
    this.#open.push(endpoint as Closable);
    return endpoint;
  }
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Mapped shared memory: memfds by their name in /proc/self/maps. */
export function sharedMappings(): number {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return maps.filter((line) => line.includes('/memfd:sluice')).length;
}

/** Resident memory in MiB. */
export function residentMiB(pid: number | 'self' = 'self'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
