/** The ring of a message channel, in one of its two layouts, and what it promises to readers. */
import { assertInteger, isPowerOfTwo, nextPowerOfTwo, SluiceError } from '../../core/index.js';
import type { MessageFormat } from '../../format/index.js';
import { monotonicNs, wallOffsetNs } from '../../ffi/index.js';
import type { Hello } from '../../layout/handshake.js';
import {
  bytesRingGeometry,
  ChannelState,
  controlByteLength,
  controlViews,
  Header,
  HeaderDouble,
  instanceWords,
  MAX_RING_SLOTS,
  MIN_RING_SLOTS,
  Page,
  RING_SLOT_BYTES,
  RING_UNIT_BYTES,
  slotsRingGeometry,
  writeGeometry,
  type ControlGeometry,
  type ControlViews,
  pageViews,
} from '../../layout/index.js';
import { createSealedRegion, type Region } from '../../memory/index.js';
import {
  BytesWriter,
  SlotsWriter,
  type RingReaderEntry,
  type RingStart,
  type RingWriter,
} from '../../ring/index.js';
import type { Manifest } from '../directory/manifest.js';
import type { ServerSession } from '../transport/channel-server.js';
import type { StreamIdentity } from './channel-claim.js';
import type { Grant, Place, PublishedStream } from './channel-owner.js';
import { DEFAULT_PATIENCE_MS, type PublisherOptions } from './options.js';

const DEFAULT_RING_SLOTS = 4096;
const DEFAULT_RING_BYTES = 1 << 20;

export interface MessagePlace extends Place {
  readonly entry: RingReaderEntry;
  readonly page: Region;
}

/** Who writes into the ring beside its writer: a GPU, which may be at work when the channel ends. */
export interface RingBorrower {
  /** The channel ended: give the ring back as soon as nothing writes to it any more. */
  end(): void;
  /** Resolves when nothing does; never rejects. */
  readonly returned: Promise<void>;
}

export class MessageStream<F extends MessageFormat> implements PublishedStream {
  readonly manifest: Manifest;
  readonly controlBytes: number;
  readonly views: ControlViews;
  readonly writer: RingWriter;
  readonly format: F;
  readonly #control: Region;
  /** Readers are waited for as long as it takes: then none is ever overrun and all may read in place. */
  readonly #strict: boolean;
  readonly #gating: boolean;
  readonly #places = new Set<MessagePlace>();
  readonly #borrowers = new Set<RingBorrower>();
  #closed = false;

  constructor(identity: StreamIdentity, options: PublisherOptions<F>) {
    const { layout = 'bytes', whenFull = 'wait', patienceMs = DEFAULT_PATIENCE_MS } = options;
    this.format = options.format;
    this.#gating = whenFull !== 'overwrite';
    this.#strict = this.#gating && patienceMs === Infinity;
    const ids = { epoch: identity.epoch, instance: instanceWords(identity.instance) };
    const geometry =
      layout === 'slots'
        ? slotsGeometry(ids, options.slots)
        : bytesGeometry(ids, options.ringBytes);
    this.controlBytes = controlByteLength(geometry);
    this.#control = createSealedRegion(`sluice-ring:${identity.channel}`, this.controlBytes);
    this.views = controlViews(this.#control.buffer);
    writeGeometry(this.views.words, geometry);
    this.views.doubles[HeaderDouble.startedNs] = monotonicNs();
    this.views.doubles[HeaderDouble.wallOffsetNs] = wallOffsetNs();
    const Writer = layout === 'slots' ? SlotsWriter : BytesWriter;
    this.writer = new Writer(this.views, geometry, {
      now: monotonicNs,
      refuse: (byteLength, maxMessageBytes) => {
        throw tooLarge(identity.channel, layout, byteLength, maxMessageBytes);
      },
    });
    this.views.words[Header.state] = ChannelState.live;
    this.manifest = Object.freeze({
      protocol: 1,
      channel: identity.channel,
      kind: 'message',
      instance: identity.instance,
      epoch: identity.epoch,
      format: options.format,
      memory: 'host',
      layout,
      slots: geometry.slots,
      slotBytes: layout === 'slots' ? RING_SLOT_BYTES : RING_UNIT_BYTES,
      process: identity.process,
      createdNs: monotonicNs(),
      userData: options.userData ?? {},
    } satisfies Manifest);
  }

  /** A ring grants no leases; `maxLag` bounds how far an `every` reader may be behind. */
  grant(hello: Hello): Grant {
    return { leases: 0, maxLag: hello.delivery === 'every' ? Math.max(1, hello.maxLag) : 0 };
  }

  join(page: Region, { hello }: ServerSession, grant: Grant): MessagePlace {
    const start = this.#startOf(hello);
    const { words } = pageViews(page.buffer);
    words[Page.pinned] = this.#strict && hello.delivery === 'every' ? 1 : 0;
    const place: MessagePlace = {
      entry: this.writer.addReader({ page: words, budget: this.#budget(grant) }, start.position),
      sequence: start.sequence,
      descriptors: [this.#control.descriptor, page.descriptor],
      page,
    };
    this.#places.add(place);
    return place;
  }

  #startOf({ start, delivery }: Hello): RingStart {
    if (start === 'oldest') return this.writer.startAt(0);
    if (typeof start === 'number') return this.writer.startAt(start);
    return delivery === 'latest' ? this.writer.startAtNewest() : this.writer.startAtHead();
  }

  /**
   * How many units an `every` reader may be behind before it holds the writer back: all that can be had. Its `maxLag`
   * is a wish of its own, to be skipped ahead rather than be further behind, and no wish that the writer waits.
   */
  #budget(grant: Grant): number {
    if (!this.#gating || grant.maxLag === 0) return 0;
    const { capacity, writeAhead } = this.writer;
    return this.#strict ? capacity : capacity - writeAhead;
  }

  leave(place: MessagePlace): void {
    this.#places.delete(place);
    this.writer.removeReader(place.entry);
    place.page.close();
  }

  lagOf(place: MessagePlace): number {
    return this.writer.roster.lag(place.entry, this.writer.head | 0);
  }

  heldBy(): number {
    return 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.views.words[Header.state] = ChannelState.ended;
    for (const { page } of this.#places) page.close();
    this.#places.clear();
    if (this.#borrowers.size === 0) this.#control.close();
    for (const borrower of [...this.#borrowers]) borrower.end();
  }

  /** Keeps the ring mapped until the borrower has returned it, also beyond {@link close}. */
  borrow(borrower: RingBorrower): void {
    this.#borrowers.add(borrower);
    void borrower.returned.then(() => {
      this.#borrowers.delete(borrower);
      if (this.#closed && this.#borrowers.size === 0) this.#control.close();
    });
  }

  async settle(): Promise<void> {
    await Promise.all([...this.#borrowers].map(({ returned }) => returned));
  }
}

function tooLarge(
  channel: string,
  layout: 'slots' | 'bytes',
  byteLength: number,
  maxMessageBytes: number,
): SluiceError {
  return new SluiceError(
    'MESSAGE_TOO_LARGE',
    `a message of ${byteLength} bytes for ${channel}; at most ${maxMessageBytes}`,
    {
      details: { byteLength, maxMessageBytes },
      remedy:
        `Open the publisher with a ring of at least ${byteLength * 4} bytes ` +
        `(${layout === 'slots' ? 'slots' : 'ringBytes'}), or send large data as frames.`,
    },
  );
}

type Ids = Pick<ControlGeometry, 'epoch' | 'instance'>;

function slotsGeometry(ids: Ids, slots = DEFAULT_RING_SLOTS): ControlGeometry {
  assertInteger('slots', slots, MIN_RING_SLOTS, MAX_RING_SLOTS);
  if (!isPowerOfTwo(slots)) {
    throw new RangeError(
      `slots must be a power of two in the slots layout, got ${slots}; try ${nextPowerOfTwo(slots)}`,
    );
  }
  return slotsRingGeometry(ids, slots);
}

function bytesGeometry(ids: Ids, ringBytes = DEFAULT_RING_BYTES): ControlGeometry {
  assertInteger(
    'ringBytes',
    ringBytes,
    MIN_RING_SLOTS * RING_UNIT_BYTES,
    MAX_RING_SLOTS * RING_UNIT_BYTES,
  );
  return bytesRingGeometry(ids, nextPowerOfTwo(ringBytes / RING_UNIT_BYTES));
}
