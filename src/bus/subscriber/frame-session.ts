/** One epoch of one publisher, as a frame subscriber has it mapped. */
import type { SluiceError } from '../../core/index.js';
import { frameByteLength, type FrameFormat } from '../../format/index.js';
import {
  type ControlGeometry,
  controlViews,
  ControlKind,
  type ControlViews,
  pageViews,
  type PageViews,
  POOL_RECORD_WORDS,
  readGeometry,
  READER_PAGE_BYTES,
  Slot,
} from '../../layout/index.js';
import { hostMemory, importRegion, type Region, type SlotMemory } from '../../memory/index.js';
import { type Doorbell, PoolReader, readerDoorbell } from '../../ring/index.js';
import type { Connection } from '../transport/connection.js';
import type { Manifest } from '../directory/manifest.js';
import { closeAll } from '../transport/outgoing-queue.js';
import {
  instanceProblem,
  type LinkSession,
  protocolFailure,
  type SessionTerms,
} from './link-session.js';

export class FrameSession implements LinkSession {
  readonly manifest: Manifest;
  readonly connection: Connection<'client'>;
  readonly reader: PoolReader;
  readonly doorbell: Doorbell;
  readonly control: ControlViews;
  readonly page: PageViews;
  readonly geometry: ControlGeometry;
  readonly terms: SessionTerms;
  ended = false;
  readonly #regions: readonly [Region, SlotMemory, Region];
  readonly #leases = new Set<FrameLease>();
  #retired = false;
  #disconnects = false;
  #closed = false;

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
    const problem = typeof geometry === 'string' ? geometry : mismatch(geometry, manifest);
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
  }

  lag(): number {
    return this.#closed ? 0 : this.reader.lag;
  }

  slotView(slot: number): Uint8Array {
    return this.#regions[1].slotView(slot);
  }

  lease(word: number): FrameLease {
    const lease = new FrameLease(this, word);
    this.#leases.add(lease);
    return lease;
  }

  get held(): number {
    return this.#leases.size;
  }

  /** Gives a lease word back and tells a publisher that waits for it. */
  letGo(lease: FrameLease): void {
    this.#leases.delete(lease);
    this.reader.release(lease.word);
    this.ringPublisher();
    if (this.#retired && this.#leases.size === 0) this.close();
  }

  ringPublisher(): void {
    if (!this.reader.mustWakePublisher) return;
    this.reader.mustWakePublisher = false;
    this.connection.wake();
  }

  get drained(): boolean {
    return this.lag() === 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  retire(disconnects = false): void {
    this.#retired = true;
    this.#disconnects = disconnects;
    if (this.#leases.size === 0) this.close();
  }

  /** Ends every frame at once: their memory reads zeros from here on, so the leases can go. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const [control, data, page] = this.#regions;
    data.close();
    for (const lease of this.#leases) {
      lease.end();
      this.reader.release(lease.word);
    }
    this.#leases.clear();
    control.close();
    page.close();
    if (this.#disconnects) this.connection.close();
  }
}

/**
 * `SLUICE_DEBUG=views`: frames hand out private copies that are zeroed at release, so that a view kept too long shows
 * zeros at once instead of a newer frame some day. Slow, and not in place: for finding such bugs only.
 */
const COPIES_VIEWS = (process.env['SLUICE_DEBUG'] ?? '').split(',').includes('views');

/** A claimed slot and how many frames share the claim. */
export class FrameLease {
  ended = false;
  #copy: Uint8Array | undefined;
  #claims = 1;
  readonly #slot: number;

  constructor(
    readonly session: FrameSession,
    readonly word: number,
  ) {
    this.#slot = session.reader.slotOf(word);
  }

  get bytes(): Uint8Array {
    if (!COPIES_VIEWS) return this.session.slotView(this.#slot);
    this.#copy ??= this.session.slotView(this.#slot).slice();
    return this.#copy;
  }

  retain(): void {
    this.#claims += 1;
  }

  release(): void {
    this.#claims -= 1;
    if (this.#claims > 0) return;
    this.end();
    this.session.letGo(this);
  }

  end(): void {
    this.ended = true;
    this.#copy?.fill(0);
  }

  state(): 'pending' | 'ready' | 'lost' {
    const { control, geometry, ended } = this.session;
    const at = geometry.recordsOffset / 4 + this.#slot * POOL_RECORD_WORDS;
    const { words } = control;
    const low = Atomics.load(words, at + Slot.fenceLow);
    // Both halves: in memory never used the low one is 0, as it is in the sequence 2^32.
    const reached =
      low === words[at + Slot.sequenceLow] &&
      words[at + Slot.fenceHigh] === words[at + Slot.sequenceHigh];
    if (reached) return 'ready';
    return ended ? 'lost' : 'pending';
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
    const data = open((fd) => hostMemory.importPool(fd, manifest));
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
