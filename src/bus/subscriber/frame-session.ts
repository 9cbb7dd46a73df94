/** One epoch of one publisher, as a frame subscriber has it mapped. */
import { joinUnsigned, type SluiceError } from '../../core/index.js';
import { frameByteLength, type FrameFormat } from '../../format/index.js';
import { isStickyCudaError, witnessFaults } from '../../gpu/index.js';
import {
  type ControlGeometry,
  controlViews,
  ControlKind,
  type ControlViews,
  Page,
  pageViews,
  type PageViews,
  readGeometry,
  READER_PAGE_BYTES,
} from '../../layout/index.js';
import {
  cudaMemory,
  hostMemory,
  importRegion,
  type Memory,
  type Region,
  type SlotMemory,
} from '../../memory/index.js';
import { type Doorbell, FenceReader, PoolReader, readerDoorbell } from '../../ring/index.js';
import type { Connection } from '../transport/connection.js';
import type { Manifest } from '../directory/manifest.js';
import { closeAll } from '../transport/outgoing-queue.js';
import { deviceBytes, type SlotBytes } from '../frame-views.js';
import { isDeviceBytes } from '../../tensor/index.js';
import { pauseBetweenLooks } from '../fence-poll.js';
import { localStream } from '../local-streams.js';
import { Download } from './download.js';
import { watchFences } from './fence-guard.js';
import { FrameLease } from './frame-lease.js';
import {
  instanceProblem,
  type LinkSession,
  protocolFailure,
  type SessionTerms,
} from './link-session.js';
import { SessionGpu } from './session-gpu.js';
import { Upload } from './upload.js';

export class FrameSession implements LinkSession {
  readonly manifest: Manifest;
  readonly connection: Connection<'client'>;
  readonly reader: PoolReader;
  readonly doorbell: Doorbell;
  readonly control: ControlViews;
  readonly page: PageViews;
  readonly geometry: ControlGeometry;
  readonly terms: SessionTerms;
  /** Undefined when no GPU of this process reads the frames. */
  readonly gpu: SessionGpu | undefined;
  readonly upload: Upload | undefined;
  /** A frame that was claimed and is delivered once its data is there. */
  arriving: FrameLease | undefined;
  /** Every lease is in use, and some only until a stream is through with the frame. */
  awaitsStream = false;
  readonly #regions: readonly [Region, SlotMemory, Region];
  readonly #leases = new Set<FrameLease>();
  #download: Promise<Download> | undefined;
  #givenUp: Promise<void> | undefined;
  #forgetWitness: (() => void) | undefined;
  #ended = false;
  #retired = false;
  #disconnects = false;
  #closed = false;
  #settled = false;

  /** Takes over the descriptors [control, data, page]. Throws `PROTOCOL` when they are not what was announced. */
  constructor(terms: SessionTerms, descriptors: readonly number[]) {
    const { manifest, connection } = terms;
    if (descriptors.length !== 3) {
      closeAll(descriptors);
      throw protocolFailure(
        manifest,
        `sent ${descriptors.length} descriptors, a frame channel has 3`,
      );
    }
    this.terms = terms;
    this.manifest = manifest;
    this.connection = connection;
    this.#regions = importAll(terms, descriptors as [number, number, number]);
    const [control, , page] = this.#regions;
    this.control = controlViews(control.buffer);
    this.page = pageViews(page.buffer);
    const geometry = readGeometry(this.control.words, terms.controlBytes);
    const problem =
      typeof geometry === 'string'
        ? geometry
        : (mismatch(geometry, manifest) ?? pageProblem(this.page.words, terms));
    if (problem !== undefined || typeof geometry === 'string') {
      this.close();
      throw protocolFailure(manifest, problem ?? 'has no geometry');
    }
    this.geometry = geometry;
    this.reader = new PoolReader(this.control.words, this.page.words, geometry, {
      delivery: terms.delivery,
      maxLag: terms.maxLag,
      leases: terms.leases,
      lastSequence: terms.sequence - 1,
      share: terms.share,
    });
    this.doorbell = readerDoorbell(this.page.words);
    const { device, upload } = terms.place;
    if (device === undefined) return;
    try {
      const { words } = this.control;
      const from = terms.mirroredFrom ?? Infinity;
      const fences = new FenceReader(words, this.page.words, geometry, from);
      const shared = localStream(manifest.instance, manifest.epoch)?.shareEvents(terms.subscriber);
      // Streams that wait for events of this thread, or for copies, do not wait for another process.
      const isWatched = this.isOnDevice && shared === undefined && !terms.connection.ended;
      const { channel } = manifest;
      const watched = { ...terms, control, page, geometry };
      const watch = isWatched ? () => watchFences(watched) : undefined;
      this.gpu = new SessionGpu(device, page, this.reader, fences, channel, shared, watch);
      this.#forgetWitness = witnessFaults({
        describe: () => this.#frameInUse(),
        faulted: (error) => this.#fail(error),
      });
      if (upload) this.upload = new Upload(device, this.#regions[1]);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get isSilent(): boolean {
    return this.arriving !== undefined || this.awaitsStream;
  }

  /** The publisher is gone: what is here is all there will be. */
  get ended(): boolean {
    return this.#ended;
  }

  set ended(ended: boolean) {
    if (this.#ended || !ended) return;
    this.#ended = true;
    for (const lease of this.#leases) {
      if (lease.fenceState() === 'lost') lease.lose();
    }
    if (!this.#closed || this.gpu?.queued.length !== 0) this.gpu?.publisherEnded(this.#leases);
  }

  /**
   * What becomes of a frame that was just claimed. `wait`: its data is not there, and neither its reader nor a stream
   * could wait for it by itself.
   */
  arrivalOf(lease: FrameLease): 'deliver' | 'wait' | 'lost' {
    const { gpu } = this;
    const state = lease.fenceState();
    if (state === 'ready') return 'deliver';
    if (gpu !== undefined && this.isOnDevice) {
      if (gpu.fences.wayToWait(lease.slot, lease.sequence) === 'queue') return 'deliver';
      return state === 'lost' ? 'lost' : 'wait';
    }
    // A frame whose data a GPU writes into host memory is read by eyes that see no fence: it must be there.
    if (this.manifest.device === undefined && this.upload === undefined) return 'deliver';
    return state === 'lost' ? 'lost' : 'wait';
  }

  /** Makes `stream` wait for the data of a frame. */
  orderBehind(stream: number, lease: FrameLease): void {
    const { gpu, upload } = this;
    if (upload !== undefined) return upload.orderBehind(stream, lease);
    // Pending tells also that the guard has not come before: a wait that is enqueued now is one that it knows of.
    if (gpu === undefined || lease.fenceState() !== 'pending') return;
    if (gpu.fences.wayToWait(lease.slot, lease.sequence) !== 'queue') return;
    this.guarded(() => gpu.wait(stream, lease));
  }

  /** Makes the frame ready for its reader: in its stream, or as a copy on its GPU. */
  deliver(lease: FrameLease, byteLength: number): void {
    const { stream } = this.terms.place;
    const { upload } = this;
    if (upload !== undefined) this.guarded(() => upload.start(stream, lease, byteLength));
    else if (stream !== undefined) lease.waitOn(stream);
  }

  /** Runs what calls the driver; when the GPU is lost to this process, the subscriber ends and says by which frame. */
  guarded<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (isStickyCudaError(error)) this.#fail(error as SluiceError);
      throw error;
    }
  }

  #fail(error: SluiceError): void {
    this.gpu?.fail(error);
    this.terms.fail(error);
  }

  /** A copy of a complete frame in private memory. */
  async toHost(lease: FrameLease, byteLength: number): Promise<Uint8Array> {
    const { bytes } = lease;
    if (!isDeviceBytes(bytes)) return bytes.slice(0, byteLength);
    this.#download ??= Download.create(this.gpu!.device, this.manifest.slotBytes);
    return (await this.#download).copy(bytes.address, byteLength);
  }

  /** Whether the slots are in the memory of a GPU. */
  get isOnDevice(): boolean {
    return this.#regions[1].memory !== 'host';
  }

  /** Frames are read in a copy that the subscriber asked for. */
  get copies(): boolean {
    return this.terms.copied || this.upload !== undefined;
  }

  /** Where frames are for those who read them: in the publisher's memory, or in the copy they asked for. */
  get memory(): Memory {
    const { device, upload } = this.terms.place;
    return upload ? `cuda:${device!.index}` : this.#regions[1].memory;
  }

  lag(): number {
    return this.#closed ? 0 : this.reader.lag;
  }

  bytesOf(slot: number): SlotBytes {
    const data = this.#regions[1];
    return this.isOnDevice ? deviceBytes(data, slot, this.gpu!.device.index) : data.slotView(slot);
  }

  lease(word: number): FrameLease {
    const lease = new FrameLease(this, word);
    this.gpu?.watch?.add(word, lease.slot, lease.sequence);
    this.#leases.add(lease);
    return lease;
  }

  get held(): number {
    return this.#leases.size;
  }

  /** Gives a lease word back and tells a publisher that waits for it. */
  letGo(lease: FrameLease): void {
    this.#leases.delete(lease);
    this.#release(lease);
    this.ringPublisher();
    if (this.#retired && this.#leases.size === 0) this.close();
  }

  ringPublisher(): void {
    if (!this.reader.mustWakePublisher) return;
    this.reader.mustWakePublisher = false;
    this.connection.wake();
  }

  get isThrough(): boolean {
    return this.lag() === 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  retire(disconnects = false): void {
    this.#retired = true;
    this.#disconnects = disconnects;
    const { arriving } = this;
    this.arriving = undefined;
    arriving?.release();
    if (this.#leases.size === 0) this.close();
  }

  /**
   * Ends every frame at once: host memory reads zeros from here on, so the leases can go. What a stream still uses
   * stays until the stream is through with it, and the connection with it. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.arriving = undefined;
    if (!this.isOnDevice && this.upload === undefined) this.#regions[1].close();
    for (const lease of this.#leases) {
      lease.end();
      this.#release(lease);
    }
    this.#leases.clear();
    if (this.gpu === undefined) this.#giveUp();
    else {
      this.gpu.whenIdle(
        () => this.#giveUp(),
        () => (this.ended = true),
      );
    }
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  /** Resolves when no frame that is read is pending any more. Of frames that the processor completes it says nothing. */
  async untilComplete(): Promise<void> {
    const { gpu } = this;
    if (gpu === undefined) return;
    const sinceMs = performance.now();
    const isPending = (lease: FrameLease): boolean => lease.fenceState() === 'pending';
    while (!this.#ended && (gpu.waits || [...this.#leases].some(isPending))) {
      await pauseBetweenLooks(sinceMs);
    }
  }

  /** Resolves when nothing of it is used any more. */
  async settle(): Promise<void> {
    await this.gpu?.settle();
    await this.#givenUp;
  }

  #giveUp(): void {
    const download = this.#download;
    if (download === undefined) this.#closeMemory();
    else this.#givenUp = this.#closeAfter(download);
  }

  async #closeAfter(download: Promise<Download>): Promise<void> {
    try {
      await (await download).close();
    } finally {
      this.#closeMemory();
    }
  }

  /** What a fault of the GPU may have come from: the oldest frame that it is not through with. */
  #frameInUse(): string | undefined {
    const [oldest] = [...this.#leases, ...(this.gpu?.queued ?? [])].sort(
      (a, b) => a.sequence - b.sequence,
    );
    if (oldest === undefined) return undefined;
    const { bytes, sequence } = oldest;
    const where = isDeviceBytes(bytes) ? ` at 0x${bytes.address.toString(16)}` : '';
    const access = this.upload === undefined ? ', which is mapped for reading only' : '';
    return `frame ${sequence} of ${this.manifest.channel}${where} (${bytes.byteLength} bytes${access})`;
  }

  #closeMemory(): void {
    const [control, data, page] = this.#regions;
    this.#forgetWitness?.();
    this.gpu?.close();
    this.upload?.close();
    data.close();
    control.close();
    page.close();
    if (this.#disconnects) this.connection.close();
    this.#settled = true;
  }

  /** In stream order when streams read the frame. */
  #release(lease: FrameLease): void {
    const { gpu } = this;
    const [stream] = lease.streams;
    if (gpu === undefined) return this.reader.release(lease.word);
    if (stream === undefined || gpu.failed) return gpu.giveBack(lease.word);
    this.guarded(() => gpu.release(lease, stream, lease.streams));
  }
}

function importAll(
  terms: SessionTerms,
  [controlFd, dataFd, pageFd]: readonly [number, number, number],
): [Region, SlotMemory, Region] {
  const { manifest, controlBytes } = terms;
  const opened: { close(): void }[] = [];
  const pending = [controlFd, dataFd, pageFd];
  try {
    const open = <T extends { close(): void }>(make: (fd: number) => T): T => {
      const region = make(pending.shift() as number);
      opened.push(region);
      return region;
    };
    const control = open((fd) => importRegion(fd, { byteLength: controlBytes, access: 'read' }));
    const data = open((fd) => importData(terms, fd));
    const page = open((fd) =>
      importRegion(fd, { byteLength: READER_PAGE_BYTES, access: 'read-write' }),
    );
    return [control, data, page];
  } catch (error) {
    closeAll(pending);
    for (const region of opened) region.close();
    if (error instanceof RangeError) throw protocolFailure(manifest, error.message);
    throw error as SluiceError;
  }
}

function importData(
  { manifest, place, copied, dataBytes }: SessionTerms,
  descriptor: number,
): SlotMemory {
  const { slots, slotBytes, memory } = manifest;
  if (memory === 'host' || copied || place.device === undefined) {
    return hostMemory.importPool(descriptor, { slots, slotBytes });
  }
  return cudaMemory(place.device).importPool(descriptor, { slots, slotBytes, dataBytes });
}

/** What the publisher wrote into the page of a reader is what the handshake says; undefined when it is. */
function pageProblem(page: Int32Array, { leases, sequence }: SessionTerms): string | undefined {
  if (page[Page.granted] !== leases) {
    return `its page grants ${page[Page.granted]} leases, the handshake ${leases}`;
  }
  const seen = joinUnsigned(page[Page.joinLow] ?? 0, page[Page.joinHigh] ?? 0);
  return seen === sequence - 1 ? undefined : 'its page begins elsewhere than the handshake says';
}

function mismatch(geometry: ControlGeometry, manifest: Manifest): string | undefined {
  if (geometry.kind !== ControlKind.pool) return 'its control block is no pool';
  for (const key of ['slots', 'slotBytes', 'epoch'] as const) {
    if (geometry[key] !== manifest[key]) {
      return `its control block says ${key} ${geometry[key]}, its manifest ${manifest[key]}`;
    }
  }
  const needed = frameByteLength(manifest.format as FrameFormat);
  if (manifest.slotBytes < needed) {
    return `its slots have ${manifest.slotBytes} bytes, a frame of its format needs ${needed}`;
  }
  return instanceProblem(geometry, manifest);
}
