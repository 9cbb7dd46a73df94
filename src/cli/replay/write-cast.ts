/** A recording as an asciicast: one agent as it was, or all of them in a layout. */
import { CastFile } from '../cast/cast-file.js';
import type { Run } from '../run.js';

export interface WrittenCast {
  readonly events: number;
  readonly bytes: number;
}

/** Written at a time. */
const BATCH_LENGTH = 64 * 1024;

/** Writes lines, of which the first is the header, until there are no more or the run ends. Rejects with `SYSTEM`. */
export async function writeCast(
  run: Run,
  path: string,
  lines: Iterable<string>,
  overwrite?: boolean,
): Promise<WrittenCast> {
  const file = await CastFile.create(path, overwrite);
  let batch = '';
  let isHeader = true;
  let events = 0;
  try {
    for (const line of lines) {
      if (line !== '' && !isHeader) events += 1;
      isHeader = false;
      batch += line;
      if (batch.length < BATCH_LENGTH) continue;
      await file.write(batch, events);
      batch = '';
      events = 0;
      // Signals and timers are not heard while nothing waits.
      await new Promise((resolve) => setImmediate(resolve));
      if (run.ended) break;
    }
    await file.write(batch, events);
  } finally {
    await file.close();
  }
  return { events: file.events, bytes: file.byteLength };
}
