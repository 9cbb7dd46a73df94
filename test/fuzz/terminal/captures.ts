/** What real programs wrote to their terminals, with the sizes that they had: recorded by `npm run captures:update`. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CastReader } from '../../../src/terminal/cast/index.js';

export type CaptureEvent =
  | { readonly type: 'output'; readonly bytes: Uint8Array }
  | { readonly type: 'size'; readonly columns: number; readonly rows: number };

export interface Capture {
  readonly name: string;
  readonly columns: number;
  readonly rows: number;
  readonly events: readonly CaptureEvent[];
}

const FOLDER = fileURLToPath(new URL('../../../../test/fuzz/terminal/captures/', import.meta.url));

/** All that are committed. */
export function readCaptures(): Capture[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.cast'))
    .sort()
    .map((file) => readCapture(file));
}

function readCapture(file: string): Capture {
  const reader = new CastReader(file);
  const events: CaptureEvent[] = [];
  for (const line of readFileSync(`${FOLDER}/${file}`, 'utf8').split('\n')) {
    if (line === '') continue;
    const event = reader.read(line);
    if (event?.type === 'output') events.push({ type: 'output', bytes: Buffer.from(event.text) });
    else if (event?.type === 'size') events.push(event);
  }
  const { columns = 0, rows = 0 } = reader.header ?? {};
  return { name: file.replace(/\.cast$/, ''), columns, rows, events };
}

/** All that was written. */
export function outputOf(events: readonly CaptureEvent[]): Uint8Array {
  return Buffer.concat(
    events.map((event) => (event.type === 'output' ? event.bytes : new Uint8Array(0))),
  );
}

/** A whole sequence, or the end of a string, from its ESC on. */
const WHOLE =
  /^\u001b(?:\[[0-?]*[ -/]*[@-~]|[()*+#%][ -~]|[78=>cDEHMNOZ\\]|[\]P_^X][^\u0007\u001b]*\u0007)/;

/** Whether a terminal that got these bytes waits for nothing: no rest of a sequence, or of a character. */
export function endsBetween(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString('latin1');
  const escape = text.lastIndexOf('\u001b');
  if (escape >= 0 && !WHOLE.test(text.slice(escape))) return false;
  const tail = Buffer.from(bytes.subarray(-4));
  return [0, 1, 2, 3].some((from) => !tail.subarray(from).toString().includes('\ufffd'));
}
