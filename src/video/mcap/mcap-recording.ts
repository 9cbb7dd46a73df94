/** Any channels into one MCAP file, on one clock. */
import {
  assertChannelPattern,
  assertKnownKeys,
  isSluiceError,
  SluiceError,
} from '../../core/index.js';
import { monotonicNs, wallOffsetNs } from '../../ffi/index.js';
import type { BytesFormat, FrameFormat, MessageFormat } from '../../format/index.js';
import {
  type CloseReason,
  Frame,
  type FrameSubscriber,
  type Manifest,
  type Message,
  MessageSubscriber,
  openSubscriber,
  watchChannels,
} from '../../bus/index.js';
import { listManifests } from '../../bus/directory/discovery.js';
import { Ending } from '../record/ending.js';
import { refuseExisting } from '../record/recording-file.js';
import { McapFile } from './mcap-writer.js';
import { encodeUnit, type UnitHeader } from './unit-codec.js';

/** How to record channels of any kind. Only the file is needed. */
export interface McapOptions {
  readonly file: string;
  /** A file that exists is replaced; else it is refused, with `SYSTEM`. Default false. */
  readonly overwrite?: boolean;
  /** Told of a channel that cannot be recorded, for one; the others go on. */
  readonly onProblem?: (channel: string, error: SluiceError) => void;
  /** Ends the recording; what came before is kept. */
  readonly signal?: AbortSignal;
  /** Runtime directory; by default the process's own. */
  readonly directory?: string;
  /** How publishers' lists call the recording. Default 'record'. */
  readonly label?: string;
}

/** What a recording has done so far. Plain JSON. */
export interface McapStats {
  readonly channels: number;
  /** Frames and messages written. */
  readonly units: number;
  /** Missed, because the disk or this process was too slow. */
  readonly lost: number;
  readonly bytes: number;
}

/** Messages come as the bytes that were published. */
type Unit = Frame<FrameFormat> | Message<BytesFormat>;
type Reader = FrameSubscriber<FrameFormat> | MessageSubscriber<MessageFormat>;

/** A recording under way. Whoever opened it closes it. */
export class McapRecording implements AsyncDisposable {
  readonly pattern: string;
  /** Resolves when it has ended and the file is complete; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #options: McapOptions;
  readonly #ending: Ending;
  readonly #readers = new Map<string, Reader>();
  /** By channel, from when it is followed. */
  readonly #loops = new Map<string, Promise<void>>();
  /** Of which there are units. */
  readonly #channels = new Set<string>();
  readonly #wallOffsetNs = wallOffsetNs();
  #file: McapFile | undefined;
  #units = 0;
  #lostBefore = 0;

  /** @internal Use `openMcapRecording()`. */
  constructor(pattern: string, options: McapOptions) {
    this.pattern = pattern;
    this.#options = options;
    this.#ending = new Ending(options.signal);
    this.closed = this.#ending.of(() => this.#record());
  }

  stats(): McapStats {
    const lost = [...this.#readers.values()].reduce((sum, reader) => sum + reader.stats().lost, 0);
    return Object.freeze({
      channels: this.#channels.size,
      units: this.#units,
      lost: this.#lostBefore + lost,
      bytes: this.#file?.writtenBytes ?? 0,
    });
  }

  /** Ends it; resolves when the file is complete. Idempotent. */
  async close(): Promise<void> {
    this.#ending.end({ reason: 'closed' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #record(): Promise<void> {
    const { signal } = this.#ending;
    const { directory, file: path, overwrite } = this.#options;
    const file = await McapFile.create(path, overwrite);
    this.#file = file;
    const place = directory === undefined ? { signal } : { directory, signal };
    try {
      for await (const { type, manifest } of watchChannels(this.pattern, place)) {
        if (type !== 'retired') this.#follow(manifest);
      }
      await Promise.all(this.#loops.values());
      if (this.#ending.reason?.reason !== 'failed') await file.finish();
    } finally {
      await file.abandon();
    }
  }

  /** One reader a channel, for as long as the recording goes on. */
  #follow(manifest: Manifest): void {
    const { channel } = manifest;
    if (this.#loops.has(channel) || this.#ending.signal.aborted) return;
    const loop = this.#readKinds(manifest).finally(() => this.#loops.delete(channel));
    this.#loops.set(channel, loop);
  }

  /** One reader for each kind that the channel becomes. */
  async #readKinds(manifest: Manifest): Promise<void> {
    for (let next: Manifest | undefined = manifest; next !== undefined;)
      next = await this.#read(next);
  }

  /** Until the recording ends, or its reader. Resolves to what is there now, where that is of another kind. */
  async #read({ channel, kind, format }: Manifest): Promise<Manifest | undefined> {
    const { signal } = this.#ending;
    const { directory, label = 'record', onProblem } = this.#options;
    const place = directory === undefined ? {} : { directory };
    try {
      const reader = (await openSubscriber(channel, {
        format: { kind: format.kind } as never,
        delivery: 'every',
        ...(kind === 'frame' ? { copyTo: 'host' } : { start: 'oldest' }),
        label,
        signal,
        ...place,
      } as never)) as unknown as Reader;
      await this.#readAll(reader, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof SluiceError)) throw error;
      const [now] = listManifests(channel, place);
      if (now !== undefined && now.format.kind !== format.kind) return now;
      onProblem?.(channel, error);
    }
    return undefined;
  }

  async #readAll(reader: Reader, signal: AbortSignal): Promise<void> {
    const { channel } = reader;
    this.#readers.set(channel, reader);
    this.#channels.add(channel);
    try {
      for (;;) await this.#store(reader, await nextUnit(reader, signal));
    } catch (error) {
      throw isSluiceError(error, 'CLOSED') ? (error.cause ?? error) : error;
    } finally {
      this.#lostBefore += reader.stats().lost;
      this.#readers.delete(channel);
      await reader.close();
    }
  }

  async #store(reader: Reader, unit: Unit): Promise<void> {
    const file = this.#file as McapFile;
    const { manifest } = reader;
    const isFrame = unit instanceof Frame;
    const timeNs = isFrame ? unit.publishTimeNs : unit.timeNs;
    const data = isFrame ? await frameUnit(unit) : messageUnit(unit);
    if (data === undefined) return;
    const clockNs = Number.isNaN(timeNs) ? monotonicNs() : timeNs;
    await file
      .add(manifest, unit.sequence, clockNs + this.#wallOffsetNs, data)
      .catch((error: unknown) => {
        if (isSluiceError(error)) this.#ending.fail(error);
        throw error;
      });
    this.#units += 1;
  }
}

/** Undefined for a frame whose publisher ended before its data was complete. The frame is given back. */
async function frameUnit(frame: Frame<FrameFormat>): Promise<Uint8Array | undefined> {
  using held = frame;
  try {
    await held.ready();
  } catch (error) {
    if (isSluiceError(error, 'FRAME_LOST')) return undefined;
    throw error;
  }
  const { sequence, ptsNs, captureTimeNs, id, flags, userData } = held;
  const shape = shapeOf(held);
  const header: UnitHeader = {
    sequence,
    ptsNs,
    captureTimeNs,
    id: id.toString(),
    ...(flags.keyFrame ? { key: true } : {}),
    ...(flags.discontinuity ? { discontinuity: true } : {}),
    ...(shape === undefined ? {} : { shape }),
    ...(userData.length === 0 ? {} : { userData: Buffer.from(userData).toString('base64') }),
  };
  return encodeUnit(header, held.bytes as Uint8Array);
}

function shapeOf(frame: Frame<FrameFormat>): Record<string, readonly number[]> | undefined {
  const { format } = frame;
  if (format.kind !== 'tensor') return undefined;
  const variable = Object.entries(format.tensors).filter(([, spec]) => spec.variable === true);
  if (variable.length === 0) return undefined;
  const views = frame.tensors as Readonly<Record<string, { readonly shape: readonly number[] }>>;
  return Object.fromEntries(variable.map(([name]) => [name, [...(views[name]?.shape ?? [])]]));
}

/** The next one. Rejects with CLOSED at the end of the reader, and the signal's reason. */
function nextUnit(reader: Reader, signal: AbortSignal): Promise<Unit> {
  return reader instanceof MessageSubscriber
    ? reader.receiveEncoded({ signal })
    : reader.receive({ signal });
}

function messageUnit({ value, sequence, type, packet }: Message<BytesFormat>): Uint8Array {
  const header: UnitHeader = {
    sequence,
    type,
    ...(packet === undefined
      ? {}
      : {
          ptsNs: packet.ptsNs,
          dtsNs: packet.dtsNs,
          captureTimeNs: packet.captureTimeNs,
          id: packet.id.toString(),
          ...(packet.keyFrame ? { key: true } : {}),
        }),
  };
  return encodeUnit(header, value);
}

const KNOWN = ['file', 'overwrite', 'onProblem', 'signal', 'directory', 'label'] as const;

/**
 * Records every channel that matches, frames and messages, those that come later too, as they are: formats, times, ids.
 * All units are on one clock, that of their publishing. Every unit is wanted; what was missed is counted.
 *
 * Rejects with `TypeError` for bad arguments, `SYSTEM` for a file that exists, and the signal's reason. What goes wrong
 * later, such as a full disk, ends the recording, and `closed` tells; what was recorded before can be played back.
 */
export async function openMcapRecording(
  pattern: string,
  options: McapOptions,
): Promise<McapRecording> {
  assertChannelPattern(pattern);
  assertKnownKeys('openMcapRecording()', options, KNOWN);
  const { file, overwrite = false } = options;
  if (!file.endsWith('.mcap')) {
    throw new RangeError(`file must end in .mcap, got ${JSON.stringify(file)}`);
  }
  if (!overwrite) refuseExisting(file);
  return new McapRecording(pattern, options);
}
