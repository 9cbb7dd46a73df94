/** Small shared blocks with one ArrayBuffer each: control blocks and reader pages. */
import { assertInteger } from '../core/index.js';
import { MAX_VIEW_BYTES, closeDescriptor, type Mapping, type MappingAccess } from '../ffi/index.js';
import {
  READ_ONLY_SEALS,
  SHARED_SEALS,
  createSealedMemory,
  importSealedMemory,
} from './sealed-memory.js';

/** One reader's page: a page of the processor, so that nothing else shares it. */
export const READER_PAGE_BYTES = 4096;

export interface Region {
  readonly byteLength: number;
  readonly buffer: ArrayBuffer;
  /** To be passed on; belongs to the region. -1 after import. */
  readonly descriptor: number;
  /** Views read zeros from then on. Idempotent. */
  close(): void;
}

/** A block of `byteLength` bytes that this process writes and everybody else can only read. */
export function createSealedRegion(label: string, byteLength: number): Region {
  assertInteger('byteLength', byteLength, 1, MAX_VIEW_BYTES);
  const { mapping, descriptor } = createSealedMemory(label, byteLength, READ_ONLY_SEALS);
  return new MappedRegion(mapping, descriptor);
}

/** A page of 4096 bytes that this process and the one it is passed to both write. */
export function createReaderPage(label: string): Region {
  const { mapping, descriptor } = createSealedMemory(label, READER_PAGE_BYTES, SHARED_SEALS);
  return new MappedRegion(mapping, descriptor);
}

/**
 * Maps a block that another process made. Owns `descriptor` from the call on and closes it, also on failure.
 * `PROTOCOL` unless it is a memfd of exactly `byteLength` bytes, allocated, with the seals that go with `access`.
 */
export function importRegion(
  descriptor: number,
  options: { readonly byteLength: number; readonly access: MappingAccess },
): Region {
  const { byteLength, access } = options;
  const mapping = importSealedMemory(descriptor, access, () => {
    assertInteger('byteLength', byteLength, 1, MAX_VIEW_BYTES);
    return byteLength;
  });
  return new MappedRegion(mapping, -1);
}

class MappedRegion implements Region {
  readonly byteLength: number;
  readonly buffer: ArrayBuffer;
  readonly #mapping: Mapping;
  #descriptor: number;

  constructor(mapping: Mapping, descriptor: number) {
    this.byteLength = mapping.byteLength;
    this.buffer = mapping.view(0, mapping.byteLength);
    this.#mapping = mapping;
    this.#descriptor = descriptor;
  }

  get descriptor(): number {
    return this.#descriptor;
  }

  close(): void {
    this.#mapping.close();
    if (this.#descriptor < 0) return;
    closeDescriptor(this.#descriptor);
    this.#descriptor = -1;
  }
}
