/** Files of recordings as agents on one clock. */
import { basename, extname } from 'node:path';
import { printable, SluiceError } from '../../core/index.js';
import { CastReader } from '../../terminal/cast/index.js';
import { type Recording, RecordingBuilder } from '../../terminal/replay/index.js';
import { agentNameOf } from '../../terminal/session/session-paths.js';
import {
  encodeEnd,
  encodeSize,
  TERMINAL_MEDIA_TYPE,
  TERMINAL_TYPE,
  terminalMessage,
} from '../../terminal/stream/index.js';
import { readMcap, type RecordedChannel } from '../../video/mcap/mcap-reader.js';
import { castLines } from '../cast/cast-lines.js';

const MAX_TOLD_CHANNELS = 5;

/**
 * The agents of one `.mcap`, or of `.cast` files, one each. Rejects with `FORMAT_MISMATCH` for a file that is neither or
 * has none, `NO_SPACE` for one that is too large, `SYSTEM` for one that cannot be read, and with the signal's reason.
 */
export async function readRecording(
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<Recording> {
  const [first = ''] = paths;
  return extname(first) === '.mcap' ? readAgents(first, signal) : readCasts(paths, signal);
}

async function readAgents(path: string, signal: AbortSignal | undefined): Promise<Recording> {
  const builder = new RecordingBuilder(path);
  const others = new Set<string>();
  for await (const { channel, timeNs, header, bytes } of readMcap(path)) {
    signal?.throwIfAborted();
    const name = agentOf(channel);
    const timeMs = timeNs / 1e6;
    if (name === undefined) others.add(channel.channel);
    else {
      builder.begin(name, channel.id, channel.userData, timeMs);
      builder.add(name, terminalMessage(header.type ?? 0, valueOf(channel, bytes)), timeMs);
    }
  }
  const recording = builder.finish(true);
  if (recording.agents.length > 0) return recording;
  const told = [...others].slice(0, MAX_TOLD_CHANNELS).map((name) => printable(name, 80));
  const has = told.length === 0 ? 'nothing' : told.join(', ');
  throw new SluiceError('FORMAT_MISMATCH', `${printable(path)} has no agents: it has ${has}`, {
    details: { path },
    remedy: "Record some: sluice record 'agent/*' all.mcap",
  });
}

/** What a channel's agent is called; undefined for one that is none. */
function agentOf({ channel, format }: RecordedChannel): string | undefined {
  const isTerminal = format.kind === 'bytes' && format.mediaType === TERMINAL_MEDIA_TYPE;
  const isMessages = format.kind === 'bytes' || format.kind === 'text' || format.kind === 'json';
  const name = agentNameOf(channel);
  if (isTerminal) return name ?? channel;
  return isMessages ? name : undefined;
}

function valueOf({ format }: RecordedChannel, bytes: Uint8Array): unknown {
  if (format.kind === 'bytes') return bytes;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  if (format.kind === 'text') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

interface CastFacts {
  readonly name: string;
  /** When it began, in ms since 1970, as far as that is known. */
  readonly startedMs: number | undefined;
  readonly lengthMs: number;
}

async function readCasts(
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Recording> {
  const builder = new RecordingBuilder(paths.join(', '));
  const casts: CastFacts[] = [];
  for (const path of paths) casts.push(await readCast(builder, path, signal));
  const onOneClock = wereRecordedTogether(casts);
  if (onOneClock) for (const { name, startedMs = 0 } of casts) builder.shift(name, startedMs);
  return builder.finish(onOneClock);
}

async function readCast(
  builder: RecordingBuilder,
  path: string,
  signal: AbortSignal | undefined,
): Promise<CastFacts> {
  const stem = basename(path, extname(path));
  let name = stem;
  for (let copy = 2; builder.has(name); copy += 1) name = `${stem}-${copy}`;
  const reader = new CastReader(path);
  const lines = castLines(path);
  const first = await lines.next();
  reader.read(first.done === true ? '' : first.value);
  const { columns, rows, timestamp } = reader.header!;
  const size = { columns, rows };
  builder.begin(name, 0, { kind: 'terminal', ...size }, 0);
  builder.add(name, { type: TERMINAL_TYPE.size, bytes: encodeSize(size) }, 0);
  let lengthMs = 0;
  for await (const line of lines) {
    signal?.throwIfAborted();
    const event = reader.read(line);
    if (event === undefined) continue;
    lengthMs = event.timeMs;
    builder.add(name, messageOf(event), lengthMs);
  }
  return { name, startedMs: timestamp === undefined ? undefined : timestamp * 1000, lengthMs };
}

function messageOf(event: NonNullable<ReturnType<CastReader['read']>>) {
  if (event.type === 'size') return { type: TERMINAL_TYPE.size, bytes: encodeSize(event) };
  if (event.type === 'exit') return { type: TERMINAL_TYPE.exit, bytes: encodeEnd(event.end) };
  return { type: TERMINAL_TYPE.output, bytes: Buffer.from(event.text) };
}

/** Each was still going on when the next began, as their headers say. Otherwise they begin together. */
function wereRecordedTogether(casts: readonly CastFacts[]): boolean {
  const starts = casts.map(({ startedMs = Number.NaN }) => startedMs);
  if (starts.some(Number.isNaN)) return false;
  const inOrder = casts.toSorted((a, b) => a.startedMs! - b.startedMs!);
  let endMs = inOrder[0]?.startedMs ?? 0;
  for (const { startedMs = 0, lengthMs } of inOrder) {
    if (startedMs > endMs) return false;
    endMs = Math.max(endMs, startedMs + lengthMs);
  }
  return true;
}
