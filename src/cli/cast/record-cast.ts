/** `sluice record agent/x x.cast`: one agent as an asciicast, whatever its channel carries. */
import { listManifests, type MessageSubscriber } from '../../bus/index.js';
import { SluiceError } from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import type { MessageFormat } from '../../format/index.js';
import { CastWriter, terminalLine } from '../../terminal/cast/index.js';
import {
  announcedSize,
  openAgentSubscriber,
  parseSize,
  TERMINAL_TYPE,
  terminalMessage,
  USUAL_SIZE,
} from '../../terminal/stream/index.js';
import type { Run } from '../run.js';
import { CastFile } from './cast-file.js';

export interface CastRecordOptions {
  readonly dir?: string;
  readonly label?: string;
  readonly overwrite?: boolean;
}

export interface CastRecordStats {
  readonly events: number;
  readonly bytes: number;
  /** Messages that were wanted and missed: a hole in the picture. */
  readonly lost: number;
}

/** Until the agent's channel ends or the run does. Rejects when there is no such channel, and when the file takes no more. */
export async function recordCast(
  run: Run,
  channel: string,
  path: string,
  options: CastRecordOptions,
): Promise<CastRecordStats> {
  const subscriber = await subscribe(channel, options);
  const close = (): void => void subscriber.close();
  run.signal.addEventListener('abort', close, { once: true });
  if (run.ended) close();
  try {
    const file = await CastFile.create(path, options.overwrite);
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

async function subscribe(
  channel: string,
  { dir, label }: CastRecordOptions,
): Promise<MessageSubscriber<MessageFormat>> {
  const place = dir === undefined ? {} : { directory: dir };
  const [manifest] = listManifests(channel, place);
  if (manifest === undefined) {
    throw new SluiceError('CHANNEL_NOT_FOUND', `cannot record ${channel}: nobody publishes it`, {
      details: { channel },
      remedy: 'Begin when it is there: sluice ls shows what is.',
    });
  }
  const subscriber = await openAgentSubscriber(manifest, {
    start: 'oldest',
    whenMissing: 'fail',
    whenLost: 'end',
    ...place,
    ...(label === undefined ? {} : { label }),
  });
  if (subscriber !== undefined) return subscriber;
  const what = `a ${manifest.format.kind} channel`;
  throw new SluiceError('FORMAT_MISMATCH', `cannot record ${channel} as a .cast: it is ${what}`, {
    details: { channel },
    remedy: 'Record it as .mp4, .mkv or .mcap.',
  });
}

async function write(
  subscriber: MessageSubscriber<MessageFormat>,
  file: CastFile,
): Promise<CastRecordStats> {
  const { channel, manifest } = subscriber;
  let writer: CastWriter | undefined;
  let lastMs = 0;
  for await (const { type, value, timeNs } of subscriber) {
    lastMs = timeNs / 1e6;
    const message = terminalMessage(type, value);
    if (writer === undefined) {
      writer = new CastWriter(lastMs);
      const told = message.type === TERMINAL_TYPE.size ? parseSize(message.bytes) : undefined;
      const size = told ?? announcedSize(manifest.userData) ?? USUAL_SIZE;
      const timestamp = (Date.now() - (monotonicNs() / 1e6 - lastMs)) / 1000;
      await file.write(writer.header({ ...size, timestamp, title: channel }));
    }
    await file.write(terminalLine(writer, message, lastMs), 1);
  }
  if (writer !== undefined) await file.write(writer.finish(lastMs), 0);
  return { events: file.events, bytes: file.byteLength, lost: subscriber.stats().lost };
}
