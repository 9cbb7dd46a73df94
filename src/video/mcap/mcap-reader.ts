/** Reads an MCAP file from its beginning: also one without an index, as a crash leaves it. */
import { createReadStream } from 'node:fs';
import { McapStreamReader, type McapTypes } from '@mcap/core';
import { isSluiceError, printable, SluiceError } from '../../core/index.js';
import { type Format, parseFormat } from '../../format/index.js';
import { decodeUnit, type Unit, UNIT_ENCODING } from './unit-codec.js';

/** A channel as the file has it; another format of the same channel is another one. */
export interface RecordedChannel {
  readonly id: number;
  readonly channel: string;
  readonly format: Format;
  readonly layout: string;
  /** Of the pool or ring. */
  readonly slots: number;
  readonly userData: Readonly<Record<string, unknown>>;
}

export interface RecordedUnit extends Unit {
  readonly channel: RecordedChannel;
  /** When it was published: wall clock in ns. */
  readonly timeNs: number;
}

/** Pieces that a file is read in. */
const PIECE_BYTES = 1 << 20;

/**
 * The units in the order in which they were recorded. Channels that sluice has not recorded are passed over. Throws
 * `FORMAT_MISMATCH` for a file that is no MCAP, `SYSTEM` for one that cannot be read. A file that is cut off ends where
 * it is cut.
 */
export async function* readMcap(path: string): AsyncGenerator<RecordedUnit, void, undefined> {
  const reader = new McapStreamReader();
  const channels = new Map<number, RecordedChannel>();
  const pieces = createReadStream(path, { highWaterMark: PIECE_BYTES });
  try {
    for await (const piece of pieces) {
      reader.append(piece as Uint8Array);
      for (;;) {
        const record = nextRecord(reader, path);
        if (record === undefined) break;
        if (record.type === 'Channel') addChannel(channels, record);
        if (record.type !== 'Message') continue;
        const channel = channels.get(record.channelId);
        if (channel === undefined) continue;
        yield { channel, timeNs: Number(record.logTime), ...decodeUnit(record.data) };
      }
    }
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new SluiceError('SYSTEM', `cannot read ${printable(path)}: ${printable(code)}`, {
      details: { path, errno: code },
      remedy: 'Name a file that exists and that this user may read.',
      cause: error,
    });
  }
}

function nextRecord(reader: McapStreamReader, path: string): McapTypes.TypedMcapRecord | undefined {
  try {
    return reader.nextRecord();
  } catch (error) {
    const found = printable(error instanceof Error ? error.message : String(error));
    throw new SluiceError(
      'FORMAT_MISMATCH',
      `${printable(path)} is no MCAP file, or a damaged one: ${found}`,
      {
        details: { path },
        remedy: 'Only files of `sluice record … .mcap` can be played back.',
        cause: error,
      },
    );
  }
}

/** The metadata is foreign text: what is no channel of ours is left out. */
function addChannel(
  channels: Map<number, RecordedChannel>,
  { id, topic, messageEncoding, metadata }: McapTypes.TypedMcapRecords['Channel'],
): void {
  if (messageEncoding !== UNIT_ENCODING) return;
  try {
    const stated = JSON.parse(metadata.get('sluice') ?? '') as Readonly<Record<string, unknown>>;
    const { slots, layout, userData } = stated;
    channels.set(id, {
      id,
      channel: topic,
      format: parseFormat(stated['format']),
      layout: String(layout),
      slots: typeof slots === 'number' && Number.isInteger(slots) ? slots : 0,
      userData: (userData ?? {}) as Readonly<Record<string, unknown>>,
    });
  } catch (error) {
    if (error instanceof SyntaxError || isSluiceError(error)) return;
    throw error;
  }
}
