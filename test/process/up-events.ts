/** Waits for what a run with --json says. */
import type { Running } from './cli-program.js';

type Event = Readonly<Record<string, unknown>>;

/** How many lines of a run were looked at: each wait goes on behind the last one's find. */
const seen = new WeakMap<Running, Map<string, number>>();

/**
 * The next event that has all of this; text may be matched by an expression. Events of one kind are found in their order;
 * those of another kind may have come before.
 */
export async function eventOf(
  running: Running,
  wanted: Readonly<Record<string, string | number | boolean | RegExp>>,
): Promise<Event> {
  const key = JSON.stringify(wanted['event']) + JSON.stringify(wanted['name'] ?? '');
  const places = seen.get(running) ?? new Map<string, number>();
  seen.set(running, places);
  for (;;) {
    const lines = running.out.toString().split('\n').slice(0, -1);
    for (let at = places.get(key) ?? 0; at < lines.length; at += 1) {
      const event = JSON.parse(lines[at]!) as Event;
      if (!isWanted(event, wanted)) continue;
      places.set(key, at + 1);
      return event;
    }
    await running.shows(new RegExp(`^(?:.*\n){${lines.length + 1}}`));
  }
}

function isWanted(
  event: Event,
  wanted: Readonly<Record<string, string | number | boolean | RegExp>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const found = event[key];
    return value instanceof RegExp ? value.test(String(found)) : found === value;
  });
}
