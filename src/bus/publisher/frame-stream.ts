/** One epoch of a frame channel: the control block, the slots, and the pool that publishes into them. */
import { alignUp, assertInteger, SluiceError } from '../../core/index.js';
import { describeFormat, frameByteLength, type FrameFormat } from '../../format/index.js';
import { monotonicNs, wallOffsetNs } from '../../ffi/index.js';
import { type Event, type StreamLike, witnessFaults } from '../../gpu/index.js';
import type { Hello } from '../../layout/handshake.js';
import {
  ChannelState,
  controlByteLength,
  controlViews,
  Header,
  HeaderDouble,
  instanceWords,
  MAX_POOL_SLOTS,
  Page,
  poolGeometry,
  writeGeometry,
  type ControlViews,
  pageViews,
} from '../../layout/index.js';
import {
  createSealedRegion,
  cudaMemory,
  hostMemory,
  type Region,
  type SlotMemory,
} from '../../memory/index.js';
import { type FrameRecord, type PoolReaderEntry, PoolWriter } from '../../ring/index.js';
import type { DeviceBytes } from '../../tensor/index.js';
import { mayReadGpuMemory } from '../transport/access.js';
import type { ServerSession } from '../transport/channel-server.js';
import type { Manifest } from '../directory/manifest.js';
import { pauseBetweenLooks } from '../fence-poll.js';
import { deviceBytes } from '../frame-views.js';
import {
  addLocalStream,
  type LocalStream,
  removeLocalStream,
  type SharedEvents,
} from '../local-streams.js';
import { atQuietMoment } from '../quiet-moment.js';
import type { StreamIdentity } from './channel-claim.js';
import type { Grant, Place, PublishedStream } from './channel-owner.js';
import { FrameGpu, type GpuPlacement, gpuPlacement } from './frame-gpu.js';
import { defaultSlots, grantFrames } from './frame-slots.js';
import { closeFencedReader, type FencedReader } from './gpu-fences.js';
import type { HostCopy } from './host-copy.js';
import { Landing } from '../landing.js';
import type { PublisherOptions } from './options.js';
import type { PublishOptions } from './loaned-frame.js';
import { PeerExit } from './peer-exit.js';
import { Staging } from './staging.js';

export interface FramePlace extends Place {
  readonly entry: PoolReaderEntry;
  readonly page: Region;
  readonly grant: Grant;
  /** Readers whose GPU looks at the slots: the end of their process, not that of their socket, ends their leases. */
  readonly exit: PeerExit | undefined;
  /** Readers whose mirrors are written. */
  readonly fenced: FencedReader | undefined;
  /** The number that WELCOME gave it. */
  readonly subscriber: number;
}

export class FrameStream<F extends FrameFormat> implements PublishedStream, LocalStream {
  readonly manifest: Manifest;
  readonly controlBytes: number;
  readonly views: ControlViews;
  readonly writer: PoolWriter;
  readonly slotBytes: number;
  /** Bytes that a frame of the format needs at its largest. */
  readonly frameBytes: number;
  readonly format: F;
  readonly slots: number;
  readonly start: number;
  /** Undefined when no GPU writes the slots. */
  readonly gpu: FrameGpu | undefined;
  /** Set by the publisher: something may have become free. */
  onFreed: () => void = () => undefined;
  /** Set by the publisher: this process lost the use of the GPU. */
  onFault: (error: SluiceError) => void = () => undefined;
  readonly #control: Region;
  readonly #memory: SlotMemory;
  readonly #allow: PublisherOptions<F>['allow'];
  readonly #places = new Set<FramePlace>();
  /** Readers that are gone but whose leases still count. */
  readonly #departed = new Set<FramePlace>();
  readonly #landing = new Landing();
  /** Slots in the memory of a GPU, each described once. */
  readonly #deviceSlots: (DeviceBytes | undefined)[] = [];
  #staging: Staging | undefined;
  #forgetWitness: (() => void) | undefined;
  #closed = false;

  /** `start`: sequence of the last frame of the epoch before, so that sequences go on over a change of format. */
  constructor(identity: StreamIdentity, options: PublisherOptions<F>, start = 0) {
    this.start = start;
    this.format = options.format;
    this.#allow = options.allow;
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
    const { channel } = identity;
    const placement = gpuPlacement(channel, options.memory, options.device);
    const domain = placement?.slots === 'device' ? cudaMemory(placement.device) : hostMemory;
    const opened: { close(): void }[] = [];
    const keep = <T extends { close(): void }>(part: T): T => {
      opened.push(part);
      return part;
    };
    try {
      const size = { slots: this.slots, slotBytes: this.slotBytes };
      this.#memory = keep(domain.createPool({ label: `sluice:${channel}`, ...size }));
      this.#control = keep(createSealedRegion(`sluice-control:${channel}`, this.controlBytes));
      this.gpu =
        placement &&
        new FrameGpu(channel, placement, {
          control: this.#control,
          geometry,
          memory: this.#memory,
          frameBytes: this.frameBytes,
          defaultStream: options.stream,
        });
    } catch (error) {
      for (const part of opened.toReversed()) part.close();
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
    this.manifest = this.#describe(identity, options, placement);
    if (this.isOnDevice) addLocalStream(identity.instance, identity.epoch, this);
    if (this.gpu === undefined) return;
    this.#forgetWitness = witnessFaults({
      describe: () => undefined,
      faulted: (error) => this.onFault(error),
    });
  }

  #describe(
    identity: StreamIdentity,
    { format, userData = {} }: PublisherOptions<F>,
    placement: GpuPlacement | undefined,
  ): Manifest {
    const { channel, instance, epoch, process } = identity;
    const { uuid, name } = placement?.device ?? {};
    return Object.freeze({
      protocol: 1,
      channel,
      kind: 'frame',
      instance,
      epoch,
      format,
      memory: this.#memory.memory,
      ...(uuid === undefined || name === undefined ? {} : { device: { uuid, name } }),
      layout: 'pool',
      slots: this.slots,
      slotBytes: this.slotBytes,
      process,
      createdNs: monotonicNs(),
      userData,
    } satisfies Manifest);
  }

  /** For subscribers of this thread: events instead of mirrors, from the next publish on. */
  shareEvents(subscriber: number): SharedEvents | undefined {
    for (const { fenced, subscriber: id } of this.#places) {
      if (id !== subscriber || fenced === undefined) continue;
      const bySlot = (fenced.events ??= []);
      return { bySlot, from: this.writer.published + 1 };
    }
    return undefined;
  }

  /** Whether the slots are in the memory of a GPU. */
  get isOnDevice(): boolean {
    return this.#memory.memory !== 'host';
  }

  /** Copies `bytes` into a slot, on a GPU behind what is in the stream. False when the GPU is too far behind. */
  tryCopyIn(slot: number, bytes: Uint8Array, stream: StreamLike | undefined): boolean {
    if (!this.isOnDevice) {
      this.#memory.slotView(slot).set(bytes);
      return true;
    }
    this.#staging ??= new Staging(this.gpu!.device, this.slotBytes, this.slots);
    const handle = this.gpu!.streamOf(stream);
    return this.#staging.tryCopy(handle, this.#memory.slotAddress(slot), bytes);
  }

  /**
   * Takes an unpublished slot back: where a GPU writes the slots, once the default stream is through with what it was
   * told, which may be to write this one.
   */
  giveBack(slot: number): void {
    const { gpu, writer } = this;
    if (gpu === undefined) return writer.giveBack(slot);
    const passed = gpu.mark();
    this.#landing.when(
      () => gpu.failed || passed.reached,
      () => {
        passed.close();
        writer.giveBack(slot);
        this.onFreed();
      },
    );
  }

  /** All bytes of a slot, or where they are on the GPU. */
  bytesOf(slot: number): Uint8Array | DeviceBytes {
    if (!this.isOnDevice) return this.#memory.slotView(slot);
    return (this.#deviceSlots[slot] ??= deviceBytes(this.#memory, slot, this.gpu!.device.index));
  }

  /**
   * Announces a loaned slot. Where a GPU writes the slots, `stream` completes the frame behind the work that is in it;
   * the processor waits for nothing.
   */
  publish(
    slot: number,
    record: FrameRecord,
    { deferred = false, stream }: Pick<PublishOptions, 'deferred' | 'stream'>,
  ): number {
    const { gpu, writer } = this;
    if (gpu === undefined || (stream === undefined && !this.isOnDevice)) {
      return writer.publish(slot, record, deferred);
    }
    gpu.enqueue(gpu.streamOf(stream), slot, writer.published + 1);
    return writer.publish(slot, record, true);
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
    const readers = [...others, ...[...this.#departed].map(({ grant }) => grant)];
    return grantFrames(this.manifest.channel, this.slots, hello, readers);
  }

  join(page: Region, session: ServerSession, grant: Grant): FramePlace {
    const { hello } = session;
    this.#assertReachable(session);
    const views = pageViews(page.buffer);
    const copies = this.isOnDevice && hello.copy === 'host';
    const isFenced = this.isOnDevice && !copies && hello.device !== undefined;
    const exit = hello.device === undefined ? undefined : new PeerExit(session.duplicatePidfd());
    let hostCopy: HostCopy | undefined;
    let fenced: FencedReader | undefined;
    try {
      if (copies) hostCopy = this.#hostCopy();
      if (isFenced) fenced = this.gpu!.fences.addReader(page);
    } catch (error) {
      exit?.close();
      throw error;
    }
    // A late subscriber gets the newest frame at once: it is complete, and it is never the one being taken.
    const { published } = this.writer;
    const last = Math.max(this.start, published - 1, (hostCopy?.from ?? 0) - 1);
    const terms = { page: views.words, leases: grant.leases, maxLag: grant.maxLag };
    const place: FramePlace = {
      entry: this.writer.addReader(terms, last),
      sequence: last + 1,
      descriptors: [
        this.#control.descriptor,
        hostCopy?.descriptor ?? this.#memory.descriptor,
        page.descriptor,
      ],
      terms: {
        ...(this.isOnDevice && !copies ? { dataBytes: this.#memory.dataBytes } : {}),
        ...(fenced === undefined ? {} : { mirroredFrom: published + 1 }),
        ...(copies ? { copied: 'host' as const } : {}),
      },
      page,
      grant,
      exit,
      fenced,
      subscriber: session.id,
    };
    this.#places.add(place);
    return place;
  }

  /** Takes the place back as soon as nobody can read by it any more: a killed reader's GPU goes on for a while. */
  leave(place: FramePlace): void {
    this.#places.delete(place);
    if (place.fenced !== undefined) this.gpu?.fences.removeReader(place.fenced);
    if (place.terms?.copied !== undefined) this.#stopHostCopy();
    const { exit } = place;
    if (exit === undefined) return this.#giveUp(place);
    exit.socketEnded();
    this.#departed.add(place);
    this.#landing.when(
      // In a stream that is closed no slot is taken again, whoever holds it and for how long.
      () => this.#closed || exit.exited || this.heldBy(place) === 0,
      () => {
        this.#departed.delete(place);
        exit.close();
        this.#giveUp(place);
        this.onFreed();
      },
    );
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

  /** Readers may give a slot back without ringing, so whoever waits for one must look again by itself. */
  get releasesAreSilent(): boolean {
    if (this.#departed.size > 0) return true;
    for (const { exit } of this.#places) if (exit !== undefined) return true;
    return false;
  }

  /** No frame follows. Memory stays until what a GPU was told to write into it has landed: see `settle`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetWitness?.();
    this.views.words[Header.state] = ChannelState.ended;
    removeLocalStream(this.manifest.instance, this.manifest.epoch);
    this.#landing.look();
    for (const place of this.#places) {
      if (place.fenced !== undefined) this.gpu?.fences.removeReader(place.fenced);
      place.exit?.close();
      this.#giveUp(place);
    }
    this.#places.clear();
    // A loan that ends here may still be written by what the application has enqueued: memory that is gone would fault.
    const passed = this.gpu?.failed === false ? this.gpu.mark() : undefined;
    this.#whenLanded(() => {
      passed?.close();
      this.#staging?.close();
      this.gpu?.close();
      this.#control.close();
      this.#memory.close();
    }, passed);
  }

  /** Resolves when what streams write is there, or `patienceMs` have passed. */
  async untilComplete(patienceMs: number): Promise<void> {
    const { gpu, writer } = this;
    if (gpu === undefined) return;
    const sinceMs = performance.now();
    const { published } = writer;
    while (!writer.fencesReachedUpTo(published) && !gpu.failed) {
      if (performance.now() - sinceMs >= patienceMs) return;
      await pauseBetweenLooks(sinceMs);
    }
  }

  /** Resolves when everything is given up that waited for a GPU. */
  settle(): Promise<void> {
    return this.#landing.settle();
  }

  #giveUp(place: FramePlace): void {
    this.writer.removeReader(place.entry);
    this.#whenLanded(() => {
      if (place.fenced !== undefined) closeFencedReader(place.fenced);
      place.page.close();
    });
  }

  /**
   * When every job that was enqueued so far has landed, and `passed` is reached; or never will be, because the GPU is
   * lost to this process.
   */
  #whenLanded(giveUp: () => void, passed?: Event): void {
    const { writer, gpu } = this;
    if (gpu === undefined) return giveUp();
    const { published } = writer;
    const landed = (): boolean =>
      gpu.failed || (writer.fencesReachedUpTo(published) && passed?.reached !== false);
    this.#landing.when(atQuietMoment(landed), giveUp);
  }

  /** The host copy, begun for the first who asks for it. */
  #hostCopy(): HostCopy {
    const gpu = this.gpu!;
    return gpu.hostCopy ?? gpu.startHostCopy(this.writer.newestComplete(), this.writer.published);
  }

  #stopHostCopy(): void {
    for (const { terms } of this.#places) if (terms?.copied !== undefined) return;
    const copy = this.gpu?.stopHostCopy();
    if (copy !== undefined) this.#whenLanded(() => copy.close());
  }

  /** Refuses whoever could not read what it would get. */
  #assertReachable({ hello, credentials }: ServerSession): void {
    const device = this.gpu?.device;
    if (device === undefined || !this.isOnDevice || hello.copy === 'host') return;
    const { channel, memory } = this.manifest;
    const where = `${memory} (${device.name}, ${device.uuid})`;
    if (hello.device === undefined) {
      throw new SluiceError(
        'WRONG_DEVICE',
        `${channel} is in the memory of ${where}, and the subscriber named no GPU to read it with`,
        { details: { channel, device: device.uuid } },
      );
    }
    if (mayReadGpuMemory(credentials, this.#allow)) return;
    throw new SluiceError(
      'ACCESS_DENIED',
      `${channel} does not give the memory of ${where} to user ${credentials.uid}: who can read it can write it`,
      {
        details: { uid: credentials.uid },
        remedy: `Subscribe with copyTo: 'host', or open the publisher with allow: { gpuUids: [${credentials.uid}] }.`,
      },
    );
  }
}
