/** One epoch of a frame channel: the control block, the slots, and the pool that publishes into them. */
import { alignUp, assertInteger, SluiceError } from '../../core/index.js';
import { describeFormat, frameByteLength, type FrameFormat } from '../../format/index.js';
import { monotonicNs, wallOffsetNs } from '../../ffi/index.js';
import type { Hello } from '../../layout/handshake.js';
import {
  ChannelState,
  controlByteLength,
  controlViews,
  Header,
  HeaderDouble,
  instanceWords,
  MAX_LEASES,
  MAX_POOL_SLOTS,
  Page,
  poolGeometry,
  writeGeometry,
  type ControlViews,
  type PageViews,
} from '../../layout/index.js';
import {
  createSealedRegion,
  hostMemory,
  type Region,
  type SlotMemory,
} from '../../memory/index.js';
import { type PoolReaderEntry, PoolWriter } from '../../ring/index.js';
import type { Manifest } from '../directory/manifest.js';
import type { Grant, Place, PublishedStream, StreamIdentity } from './channel-owner.js';
import type { PublisherOptions } from './options.js';

/** Frames up to this many bytes get many slots by default; larger ones cost real memory. */
const SMALL_FRAME_BYTES = 64 * 1024;
const LARGE_FRAME_BYTES = 16 * 1024 * 1024;

export interface FramePlace extends Place {
  readonly entry: PoolReaderEntry;
}

/** Slots of a pool whose user names no number. */
export function defaultSlots(slotBytes: number): number {
  if (slotBytes <= SMALL_FRAME_BYTES) return 64;
  return slotBytes <= LARGE_FRAME_BYTES ? 16 : 8;
}

/**
 * slots ≥ Σ leases + max(1, largest maxLag) + 1 means that a frame can always be published (`spec/protocol.md`;
 * `test/model` shows that one slot fewer drops).
 */
export function slotsNeeded(grants: readonly Grant[]): number {
  const leased = grants.reduce((sum, grant) => sum + grant.leases, 0);
  return leased + grants.reduce((max, grant) => Math.max(max, grant.maxLag), 1) + 1;
}

export class FrameStream<F extends FrameFormat> implements PublishedStream {
  readonly manifest: Manifest;
  readonly controlBytes: number;
  readonly descriptors: readonly number[];
  readonly views: ControlViews;
  readonly writer: PoolWriter;
  readonly slotBytes: number;
  /** Bytes that a frame of the format needs at its largest. */
  readonly frameBytes: number;
  readonly format: F;
  readonly slots: number;
  readonly start: number;
  readonly #control: Region;
  readonly #memory: SlotMemory;
  #closed = false;

  /** `start`: sequence of the last frame of the epoch before, so that sequences go on over a change of format. */
  constructor(identity: StreamIdentity, options: PublisherOptions<F>, start = 0) {
    this.start = start;
    this.format = options.format;
    this.frameBytes = frameByteLength(options.format);
    this.slotBytes = alignUp(this.frameBytes, 4096);
    this.slots = options.slots ?? defaultSlots(this.slotBytes);
    assertInteger('slots', this.slots, 2, MAX_POOL_SLOTS);
    const geometry = poolGeometry(
      { epoch: identity.epoch, instance: instanceWords(identity.instance) },
      this.slots,
      this.slotBytes,
    );
    this.controlBytes = controlByteLength(geometry);
    this.#memory = hostMemory.createPool({
      label: `sluice:${identity.channel}`,
      slots: this.slots,
      slotBytes: this.slotBytes,
    });
    try {
      this.#control = createSealedRegion(`sluice-control:${identity.channel}`, this.controlBytes);
    } catch (error) {
      this.#memory.close();
      throw error;
    }
    this.views = controlViews(this.#control.buffer);
    writeGeometry(this.views.words, geometry);
    this.views.doubles[HeaderDouble.startedNs] = monotonicNs();
    this.views.doubles[HeaderDouble.wallOffsetNs] = wallOffsetNs();
    this.writer = new PoolWriter(this.views, geometry, {
      start,
      lossless: options.whenFull === 'wait',
    });
    this.views.words[Header.state] = ChannelState.live;
    this.descriptors = [this.#control.descriptor, this.#memory.descriptor];
    this.manifest = Object.freeze({
      protocol: 1,
      channel: identity.channel,
      kind: 'frame',
      instance: identity.instance,
      epoch: identity.epoch,
      format: options.format,
      memory: 'host',
      layout: 'pool',
      slots: this.slots,
      slotBytes: this.slotBytes,
      process: identity.process,
      createdNs: monotonicNs(),
      userData: options.userData ?? {},
    } satisfies Manifest);
  }

  slotView(slot: number): Uint8Array {
    return this.#memory.slotView(slot);
  }

  /** What a subscriber asks for is cut to what the sizing rule leaves; nothing left is an error. */
  grant(hello: Hello, others: readonly Grant[]): Grant {
    if (hello.leases === 0) {
      // Who wants messages asks for no lease. Said before it would be told of slots, which are not its trouble.
      throw new SluiceError(
        'FORMAT_MISMATCH',
        `${this.manifest.channel} is a frame channel (${describeFormat(this.format)}), asked for was a message channel`,
        { details: { channel: this.manifest.channel, kind: 'frame' } },
      );
    }
    const leased = others.reduce((sum, grant) => sum + grant.leases, 0);
    const largestLag = others.reduce((max, grant) => Math.max(max, grant.maxLag), 1);
    const left = this.slots - 1 - leased - largestLag;
    const wantedLag = hello.delivery === 'every' ? Math.max(1, hello.maxLag) : 0;
    const leases = Math.max(0, Math.min(hello.leases, left, MAX_LEASES));
    const maxLag = Math.min(wantedLag, largestLag + (left - leases));
    if (leases >= 1 && (wantedLag === 0 || maxLag >= 1)) return { leases, maxLag };
    const needed = leased + hello.leases + Math.max(largestLag, wantedLag) + 1;
    throw new SluiceError(
      'LEASES_EXHAUSTED',
      `${this.manifest.channel} has ${this.slots} slots: ${leased} are granted to ${others.length} subscribers, ` +
        `${largestLag} promised by lag, 1 is the publisher's; this subscriber needs ${needed} in all`,
      {
        details: { slots: this.slots, leased, largestLag, neededSlots: needed },
        remedy: `Open the publisher with slots: ${needed} or more.`,
      },
    );
  }

  join(page: PageViews, _hello: Hello, grant: Grant): FramePlace {
    // A late subscriber gets the newest frame at once: it is complete, and it is never the one being taken.
    const last = Math.max(this.start, this.writer.published - 1);
    const entry = this.writer.addReader(
      { page: page.words, leases: grant.leases, maxLag: grant.maxLag },
      last,
    );
    return { entry, sequence: last + 1 };
  }

  leave(place: FramePlace): void {
    this.writer.removeReader(place.entry);
  }

  lagOf(place: FramePlace): number {
    return this.writer.roster.lag(place.entry, this.writer.published | 0);
  }

  heldBy(place: FramePlace): number {
    let held = 0;
    for (let i = 0; i < place.entry.leases; i++) {
      if (Atomics.load(place.entry.page, Page.lease + i) !== 0) held++;
    }
    return held;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.views.words[Header.state] = ChannelState.ended;
    this.#control.close();
    this.#memory.close();
  }
}
