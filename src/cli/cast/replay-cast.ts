/** `sluice replay x.cast`: an asciicast as the channel of an agent. */
import { type MessagePublisher, openPublisher } from '../../bus/index.js';
import { bytes, type BytesFormat } from '../../format/index.js';
import { type CastEvent, type CastHeader, CastReader } from '../../terminal/cast/index.js';
import {
  encodeEnd,
  encodeSize,
  TERMINAL_MEDIA_TYPE,
  TERMINAL_TYPE,
} from '../../terminal/stream/index.js';
import { RecordedPace } from '../recorded-pace.js';
import type { Run } from '../run.js';
import { castLines } from './cast-lines.js';

export interface CastReplayOptions {
  readonly dir?: string;
  readonly label?: string;
  /** So many times as fast; Infinity: as fast as it goes. */
  readonly speed: number;
  /** Longer pauses are made so short. */
  readonly idleLimitMs: number;
  /** Begin when the channel has so many. */
  readonly subscribers: number;
}

/** A message of the channel: what is longer goes out in pieces. */
const MAX_PIECE_BYTES = 64 * 1024;

/** Until the file is through or the run ends; how many events were played. Rejects for what is no asciicast. */
export async function replayCast(
  run: Run,
  path: string,
  channel: string,
  options: CastReplayOptions,
): Promise<number> {
  const reader = new CastReader(path);
  const lines = castLines(path);
  const first = await lines.next();
  reader.read(first.done === true ? '' : first.value);
  const publisher = await openCast(channel, reader.header!, options);
  let events = 0;
  try {
    await untilRead(publisher, options.subscribers, run.signal);
    const pace = new RecordedPace({ ...options, fromMs: 0 });
    for await (const line of lines) {
      const event = reader.read(line);
      if (event === undefined) continue;
      await pace.until(event.timeMs, run.signal);
      await play(publisher, event, run.signal);
      events += 1;
    }
  } catch (error) {
    if (!run.ended) throw error;
  } finally {
    await publisher.close();
  }
  return events;
}

async function openCast(
  channel: string,
  { columns, rows, title }: CastHeader,
  { dir, label = 'sluice replay' }: CastReplayOptions,
): Promise<MessagePublisher<BytesFormat>> {
  const publisher = await openPublisher(channel, {
    format: bytes(TERMINAL_MEDIA_TYPE),
    whenFull: 'wait',
    label,
    userData: { kind: 'terminal', command: title?.slice(0, 1000) ?? '', columns, rows },
    ...(dir === undefined ? {} : { directory: dir }),
  });
  await publisher.send(encodeSize({ columns, rows }), { type: TERMINAL_TYPE.size });
  return publisher;
}

async function untilRead(
  publisher: MessagePublisher<BytesFormat>,
  wanted: number,
  signal: AbortSignal,
): Promise<void> {
  if (wanted === 0) return;
  for await (const { subscribers } of publisher.demand({ signal }))
    if (subscribers >= wanted) return;
}

async function play(
  publisher: MessagePublisher<BytesFormat>,
  event: CastEvent,
  signal: AbortSignal,
): Promise<void> {
  if (event.type === 'size') {
    await publisher.send(encodeSize(event), { type: TERMINAL_TYPE.size, signal });
  } else if (event.type === 'exit') {
    await publisher.send(encodeEnd(event.end), { type: TERMINAL_TYPE.exit, signal });
  } else {
    const output = Buffer.from(event.text);
    for (let start = 0; start < output.byteLength; start += MAX_PIECE_BYTES) {
      const piece = output.subarray(start, start + MAX_PIECE_BYTES);
      await publisher.send(piece, { type: TERMINAL_TYPE.output, signal });
    }
  }
}
