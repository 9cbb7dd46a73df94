/** One epoch of one publisher, as a message subscriber has it mapped. */
import { joinSigned } from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import {
  type ControlGeometry,
  controlViews,
  ControlKind,
  Page,
  pageViews,
  type PageViews,
  readGeometry,
  READER_PAGE_BYTES,
} from '../../layout/index.js';
import { importRegion, type Region } from '../../memory/index.js';
import {
  BytesReader,
  type Doorbell,
  readerDoorbell,
  type RingReader,
  SlotsReader,
} from '../../ring/index.js';
import type { Connection } from '../transport/connection.js';
import type { Manifest } from '../directory/manifest.js';
import { closeAll } from '../transport/outgoing-queue.js';
import {
  instanceProblem,
  type LinkSession,
  protocolFailure,
  type SessionTerms,
} from './link-session.js';

export class MessageSession implements LinkSession {
  readonly manifest: Manifest;
  readonly connection: Connection<'client'>;
  readonly terms: SessionTerms;
  readonly reader: RingReader;
  readonly doorbell: Doorbell;
  readonly page: PageViews;
  ended = false;
  readonly #control: Region;
  readonly #page: Region;
  #closed = false;

  /** Takes over the descriptors [control, page]. Throws `PROTOCOL` when they are not what was announced. */
  constructor(terms: SessionTerms, descriptors: readonly number[]) {
    const { manifest, connection } = terms;
    const [controlFd, pageFd] = descriptors;
    if (controlFd === undefined || pageFd === undefined || descriptors.length !== 2) {
      closeAll(descriptors);
      throw protocolFailure(
        manifest,
        `sent ${descriptors.length} descriptors, a message channel has 2`,
      );
    }
    this.terms = terms;
    this.manifest = manifest;
    this.connection = connection;
    [this.#control, this.#page] = importBoth(terms, controlFd, pageFd);
    const control = controlViews(this.#control.buffer);
    this.page = pageViews(this.#page.buffer);
    const geometry = readGeometry(control.words, terms.controlBytes);
    const problem = typeof geometry === 'string' ? geometry : mismatch(geometry, manifest);
    if (problem !== undefined || typeof geometry === 'string') {
      this.close();
      throw protocolFailure(manifest, problem ?? 'has no geometry');
    }
    const { words } = this.page;
    const Reader = geometry.kind === ControlKind.slots ? SlotsReader : BytesReader;
    this.reader = new Reader(control, words, geometry, {
      delivery: terms.delivery,
      maxLag: terms.delivery === 'every' ? terms.maxLag : geometry.slots,
      pinned: words[Page.pinned] === 1,
      position: joinSigned(words[Page.joinLow] ?? 0, words[Page.joinHigh] ?? 0),
      sequence: terms.sequence,
      share: terms.share,
      now: () => monotonicNs() + terms.clockOffsetNs,
    });
    this.doorbell = readerDoorbell(words);
  }

  lag(): number {
    return this.#closed ? 0 : this.reader.lag + this.reader.buffered;
  }

  ringPublisher(): void {
    if (!this.reader.mustWakePublisher) return;
    this.reader.mustWakePublisher = false;
    this.connection.wake();
  }

  get drained(): boolean {
    return this.lag() === 0;
  }

  get isThrough(): boolean {
    return this.drained && !this.reader.hasUncounted;
  }

  get closed(): boolean {
    return this.#closed;
  }

  retire(disconnects = false): void {
    this.close();
    if (disconnects) this.connection.close();
  }

  untilComplete(): Promise<void> {
    return Promise.resolve();
  }

  get isSettled(): boolean {
    return this.closed;
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#control.close();
    this.#page.close();
  }
}

function importBoth(
  { manifest, controlBytes }: SessionTerms,
  controlFd: number,
  pageFd: number,
): [Region, Region] {
  let control: Region | undefined;
  let pageTaken = false;
  try {
    control = importRegion(controlFd, { byteLength: controlBytes, access: 'read' });
    pageTaken = true;
    return [control, importRegion(pageFd, { byteLength: READER_PAGE_BYTES, access: 'read-write' })];
  } catch (error) {
    control?.close();
    if (!pageTaken) closeAll([pageFd]);
    if (error instanceof RangeError) throw protocolFailure(manifest, error.message);
    throw error;
  }
}

function mismatch(geometry: ControlGeometry, manifest: Manifest): string | undefined {
  const kind = manifest.layout === 'slots' ? ControlKind.slots : ControlKind.bytes;
  if (geometry.kind !== kind)
    return `its control block is no ring of the ${manifest.layout} layout`;
  for (const key of ['slots', 'epoch'] as const) {
    if (geometry[key] !== manifest[key]) {
      return `its control block says ${key} ${geometry[key]}, its manifest ${manifest[key]}`;
    }
  }
  return instanceProblem(geometry, manifest);
}
