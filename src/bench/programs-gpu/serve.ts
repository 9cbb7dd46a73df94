/** The child's side of a GPU benchmark: answers what its parent asks, says why when it cannot, and never hangs. */
import { useDevice, findDevice } from '../../gpu/index.js';
import { answer, givenTo } from '../programs-frames/given.js';

/** What every program of a GPU suite is given. */
export interface GpuGiven {
  readonly directory: string;
  /** The GPU, as `listDevices` numbers it. */
  readonly device: number;
}

/** What the parent sends: the name of a handler and what to tell it. */
export interface Question {
  readonly id: number;
  readonly name: string;
  readonly of: unknown;
}

/** What it gets back; `id` -1 tells of the start. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failed: string };

/** May block the thread, but for bounded times only. */
export type Handler = (of: never) => unknown;

/** How long anything of a benchmark may take to come before it counts as lost. */
export const PATIENCE_MS = 10_000;

/**
 * Runs a program: makes what it answers with once the GPU is there, then answers question by question, several at once
 * where handlers wait.
 */
export async function serveGpu<G extends GpuGiven>(
  make: (given: G) => Promise<Readonly<Record<string, Handler>>>,
): Promise<void> {
  const given = givenTo<G>();
  const handlers = await settle(-1, () => {
    useDevice(findDevice(given.device, 'run a benchmark'));
    return make(given);
  });
  process.on('message', ({ id, name, of }: Question) => {
    const handler = handlers?.[name] as ((of: unknown) => unknown) | undefined;
    void settle(id, () => handler?.(of));
  });
}

/** Answers with what `work` makes, or with why it failed. */
async function settle<T>(id: number, work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    const value = await work();
    await answer({ id, value: id < 0 ? undefined : value } satisfies Answer);
    return value;
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    await answer({ id, failed } satisfies Answer);
    return undefined;
  }
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Looks again and again without a turn of the event loop. Throws when nothing has come for too long. */
export function spinFor<T>(what: string, look: () => T | undefined): T {
  let deadlineMs = 0;
  for (;;) {
    for (let i = 0; i < 64; i++) {
      const found = look();
      if (found !== undefined) return found;
    }
    const nowMs = performance.now();
    if (deadlineMs === 0) deadlineMs = nowMs + PATIENCE_MS;
    else if (nowMs > deadlineMs) throw new Error(`no ${what} came within ${PATIENCE_MS / 1000} s`);
  }
}

/** As `spinFor`, with a turn of the event loop between two looks. */
export async function turnsFor<T>(what: string, look: () => T | undefined): Promise<T> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs) {
      throw new Error(`no ${what} came within ${PATIENCE_MS / 1000} s`);
    }
    await nextTurn();
  }
}
