/** A file of `sluice record 'agent/*' all.mcap`, of which all is known. */
import type { Manifest } from '../../../src/bus/index.js';
import { bytes, json, text } from '../../../src/format/index.js';
import {
  encodeEnd,
  encodeSize,
  TERMINAL_MEDIA_TYPE,
  TERMINAL_TYPE,
} from '../../../src/terminal/stream/index.js';
import { McapFile } from '../../../src/video/mcap/mcap-writer.js';
import { encodeUnit } from '../../../src/video/mcap/unit-codec.js';

const TERMINAL = bytes(TERMINAL_MEDIA_TYPE);
export const SIZE = { columns: 40, rows: 8 } as const;
/** Not the beginning of 1970. */
export const STARTED_MS = 1_700_000_000_000;

export interface Said {
  readonly agent: string;
  readonly atMs: number;
  readonly type?: number;
  readonly bytes: string | Uint8Array;
}

function manifestOf(channel: string, format: Manifest['format'], userData: object): Manifest {
  const place = { instance: channel, epoch: 1, layout: 'bytes', slots: 0 };
  return { channel, format, userData, kind: 'message', ...place } as unknown as Manifest;
}

/** An .mcap as `sluice record` writes it, of times that are known. */
export async function writeMcap(
  path: string,
  all: readonly Said[],
  prefix = 'agent/',
): Promise<void> {
  const file = await McapFile.create(path);
  const formats: Readonly<Record<string, Manifest['format']>> = { log: text(), plan: json() };
  for (const [
    sequence,
    { agent, atMs, type = TERMINAL_TYPE.output, bytes: said },
  ] of all.entries()) {
    const format = formats[agent] ?? TERMINAL;
    const userData = format === TERMINAL ? { kind: 'terminal', ...SIZE } : {};
    const channel = `${prefix}${agent}`;
    const unit = encodeUnit({ sequence, type: type % 256 }, Buffer.from(said as string));
    const timeNs = (STARTED_MS + atMs) * 1e6;
    await file.add(manifestOf(channel, format, userData), sequence, timeNs, unit);
  }
  await file.finish();
}

export const SCENE: readonly Said[] = [
  { agent: 'fix', atMs: 0, type: TERMINAL_TYPE.size, bytes: encodeSize(SIZE) },
  { agent: 'fix', atMs: 100, bytes: '\u001b[32mfix begins\u001b[m\r\n' },
  { agent: 'log', atMs: 1000, type: 3, bytes: 'log of an error' },
  // Written later than what follows, as a recorder does that reads one channel after the other.
  { agent: 'test', atMs: 60_000, bytes: '\rtests 1/2' },
  { agent: 'fix', atMs: 59_000, bytes: 'fix goes on\r\n' },
  { agent: 'test', atMs: 61_000, bytes: '\rtests 2/2\r\n' },
  { agent: 'plan', atMs: 62_000, type: 1, bytes: '{"step":1}' },
  { agent: 'test', atMs: 100_000, type: TERMINAL_TYPE.exit, bytes: encodeEnd({ exitCode: 2 }) },
  { agent: 'fix', atMs: 600_000, bytes: 'fix ends\r\n' },
];
