import type { Attention } from '../stream/index.js';

/** An agent as the queue sees it. */
export interface InNeed {
  readonly name: string;
  readonly attention: Attention;
  /** Whether somebody has looked at it since its state began. */
  readonly seen: boolean;
}

/**
 * Those that need the user, first things first: who waits, longest first, known before guessed; then who is done and was
 * not looked at, oldest first.
 */
export function inOrderOfNeed<T extends InNeed>(agents: readonly T[]): readonly T[] {
  return agents
    .filter((agent) => classOf(agent) < NO_NEED)
    .toSorted(
      (a, b) =>
        classOf(a) - classOf(b) ||
        a.attention.sinceMs - b.attention.sinceMs ||
        (a.name < b.name ? -1 : 1),
    );
}

/** The first of them, passing over `after`, so that asking again goes through all. */
export function nextInNeed<T extends InNeed>(agents: readonly T[], after?: string): T | undefined {
  const order = inOrderOfNeed(agents);
  const at = order.findIndex(({ name }) => name === after);
  return order[at + 1] ?? order[0];
}

const NO_NEED = 3;

function classOf({ attention: { state, source }, seen }: InNeed): number {
  if (state === 'waits') return source === 'guess' ? 1 : 0;
  return state === 'done' && !seen ? 2 : NO_NEED;
}
