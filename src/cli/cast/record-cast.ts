/** `sluice record agent/x x.cast`: one agent's terminal as an asciicast. */
import { type MessageSubscriber, openSubscriber } from '../../bus/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { bytes, type BytesFormat } from '../../format/index.js';
import { CastWriter, terminalLine } from '../../terminal/cast/index.js';
import { parseSize, TERMINAL_MEDIA_TYPE, TERMINAL_TYPE } from '../../terminal/stream/index.js';
import type { Run } from '../run.js';
import { CastFile } from './cast-file.js';

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
    const file = await CastFile.create(path);
    try {
      return await write(subscriber, file);
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
    if (!isKnown) await file.write(terminalLine(writer, { type, bytes: value }, lastMs), 1);
  }
  if (writer !== undefined) await file.write(writer.finish(lastMs), 0);
  return { events: file.events, bytes: file.byteLength, lost: subscriber.stats().lost };
}
