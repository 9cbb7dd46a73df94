/** `sluice record agent/x x.cast`: one agent's terminal as an asciicast. */
import { type FileHandle, open } from 'node:fs/promises';
import { type MessageSubscriber, openSubscriber } from '../../bus/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { bytes, type BytesFormat } from '../../format/index.js';
import { CastWriter } from '../../terminal/cast/index.js';
import {
  parseEnd,
  parseSize,
  TERMINAL_MEDIA_TYPE,
  TERMINAL_TYPE,
} from '../../terminal/stream/index.js';
import { writeFailure } from '../../video/record/write-failure.js';
import type { Run } from '../run.js';

export interface CastRecordOptions {
  readonly dir?: string;
  readonly label?: string;
}

export interface CastRecordStats {
  readonly events: number;
  readonly bytes: number;
  /** Messages that were wanted and missed: a hole in the picture. */
  readonly lost: number;
}

/** A terminal that does not tell its size is taken for one of these. */
const USUAL_SIZE = { columns: 80, rows: 24 } as const;

/** Until the agent's channel ends or the run does. Rejects when there is no such channel, and when the file takes no more. */
export async function recordCast(
  run: Run,
  channel: string,
  path: string,
  { dir, label }: CastRecordOptions,
): Promise<CastRecordStats> {
  const subscriber = await openSubscriber(channel, {
    format: bytes(TERMINAL_MEDIA_TYPE),
    start: 'oldest',
    whenMissing: 'fail',
    whenLost: 'end',
    ...(dir === undefined ? {} : { directory: dir }),
    ...(label === undefined ? {} : { label }),
  });
  const close = (): void => void subscriber.close();
  run.signal.addEventListener('abort', close, { once: true });
  try {
    const file = await open(path, 'w').catch((error: unknown) => {
      throw writeFailure(path, error as NodeJS.ErrnoException);
    });
    try {
      return await write(subscriber, new CastFile(path, file));
    } finally {
      await file.close();
    }
  } finally {
    run.signal.removeEventListener('abort', close);
    await subscriber.close();
  }
}

async function write(
  subscriber: MessageSubscriber<BytesFormat>,
  file: CastFile,
): Promise<CastRecordStats> {
  const { userData } = subscriber.manifest;
  const announced = parseSize(Buffer.from(JSON.stringify(userData)));
  let writer: CastWriter | undefined;
  let size = announced ?? USUAL_SIZE;
  let lastMs = 0;
  for await (const { type, value, timeNs } of subscriber) {
    lastMs = timeNs / 1e6;
    const told = type === TERMINAL_TYPE.size ? parseSize(value) : undefined;
    // It is told again to each new reader.
    const isKnown = told?.columns === size.columns && told.rows === size.rows;
    size = told ?? size;
    if (writer === undefined) {
      writer = new CastWriter(lastMs);
      const timestamp = (Date.now() - (monotonicNs() / 1e6 - lastMs)) / 1000;
      await file.write(writer.header({ ...size, timestamp, title: subscriber.channel }));
      if (told !== undefined) continue;
    }
    if (!isKnown) await file.write(eventOf(writer, { type, value, timeMs: lastMs }), 1);
  }
  if (writer !== undefined) await file.write(writer.finish(lastMs), 0);
  return { events: file.events, bytes: file.byteLength, lost: subscriber.stats().lost };
}

/** Attention is no part of a recording; empty for it and for what is no message of a terminal. */
function eventOf(
  writer: CastWriter,
  { type, value, timeMs }: { type: number; value: Uint8Array; timeMs: number },
): string {
  if (type === TERMINAL_TYPE.output) return writer.output(value, timeMs);
  if (type === TERMINAL_TYPE.size) {
    const size = parseSize(value);
    return size === undefined ? '' : writer.size(size.columns, size.rows, timeMs);
  }
  const end = type === TERMINAL_TYPE.exit ? parseEnd(value) : undefined;
  return end === undefined ? '' : writer.exit(end, timeMs);
}

class CastFile {
  events = 0;
  byteLength = 0;
  readonly #path: string;
  readonly #file: FileHandle;

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  async write(lines: string, events = 0): Promise<void> {
    if (lines === '') return;
    try {
      await this.#file.appendFile(lines);
    } catch (error) {
      throw writeFailure(this.#path, error as NodeJS.ErrnoException, this.byteLength);
    }
    this.byteLength += Buffer.byteLength(lines);
    this.events += events;
  }
}
