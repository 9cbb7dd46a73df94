/** What is said of a part of `sluice up`, and of what tells health beside a camera. */
import type { UpEvent } from '../video/up/index.js';
import type { Run } from './run.js';
import { safeJson } from './safe-json.js';

export function tellPart(run: Run, event: UpEvent): void {
  if (run.json) {
    run.print(safeJson(event));
    return;
  }
  const who = event.name === '' ? event.kind : `${event.kind} ${event.name}`;
  const text = describeEvent(event);
  const own = `${event.name}: `;
  run.note(`${who}: ${text.startsWith(own) ? text.slice(own.length) : text}`);
}

function describeEvent(event: UpEvent): string {
  switch (event.event) {
    case 'open':
      return event.message;
    case 'unhealthy':
      return `not well: ${event.message}`;
    case 'healthy':
      return 'well again';
    case 'ended':
      return 'its input has ended';
    case 'trouble': {
      const again = event.retryInMs;
      const when = again === undefined ? '' : `; next attempt in ${(again / 1000).toFixed(1)} s`;
      return event.message + when;
    }
    default:
      return event.event;
  }
}
