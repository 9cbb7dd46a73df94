/**
 * Shared mappings as ArrayBuffers.
 *
 * V8 cannot take an ArrayBuffer back, and touching an unmapped page is SIGSEGV. So `close()` puts private zero pages
 * in the place of the shared ones, at the same address: a late reader sees zeros, a late writer writes into nothing
 * that anyone shares. The addresses themselves are given back when the last ArrayBuffer has been collected.
 */
import { invariant } from '../core/index.js';
import { koffi, lastErrno, lazily, libcFunction } from './koffi.js';
import { SystemCallError } from './libc.js';

/** mmap(2), sys/mman.h on Linux. */
export const MEMORY_CONSTANTS = Object.freeze({
  PROT_READ: 0x1,
  PROT_WRITE: 0x2,
  MAP_SHARED: 0x01,
  MAP_PRIVATE: 0x02,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
  MAP_NORESERVE: 0x4000,
});

/** Node 20 aborts on an external ArrayBuffer of more than 4 GiB. */
export const MAX_VIEW_BYTES = 2 ** 32 - 1;

export type MappingAccess = 'read' | 'read-write';

/** A range of shared memory in this process. Whoever mapped it closes it. */
export interface Mapping {
  /** Bytes that can be viewed. */
  readonly byteLength: number;
  /**
   * An ArrayBuffer over `byteLength` bytes from `byteOffset`, the same object for the same range. `RangeError` when
   * the range is not inside the mapping or is larger than 2^32 - 1 bytes. A store through a view of a mapping with
   * access 'read' is SIGSEGV: do not hand out mutators.
   */
  view(byteOffset: number, byteLength: number): ArrayBuffer;
  /** Leaves zeros behind in every view (of this process only). Twice is harmless. */
  close(): void;
}

type Mmap = (
  address: number,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number | bigint;

const calls = lazily(() => ({
  // Addresses are below 2^47, exact as numbers; MAP_FAILED is -1 and arrives as a bigint.
  mmap: libcFunction<Mmap>(
    'uintptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)',
  ),
  munmap: libcFunction<(address: number, length: number) => number>(
    'int munmap(uintptr_t address, size_t length)',
  ),
}));

/** What keeps an address range in use: the open mapping itself, and each view that may still be touched. */
interface AddressRange {
  readonly address: number;
  readonly byteLength: number;
  users: number;
}

/** A collected view gives up its use of the range. */
const collectedViews = new FinalizationRegistry<AddressRange>(giveUp);

/** An open mapping that nobody can close any more is a bug of its owner: said, and not left mapped for ever. */
const droppedMappings = new FinalizationRegistry<AddressRange>((range) => {
  process.emitWarning(
    `shared memory of ${range.byteLength} bytes was dropped without close()`,
    'SluiceLeakWarning',
  );
  giveUp(range);
});

function giveUp(range: AddressRange): void {
  range.users -= 1;
  invariant(range.users >= 0, 'a mapping is unmapped once');
  if (range.users === 0) calls().munmap(range.address, range.byteLength);
}

/**
 * mmap(2) with MAP_SHARED of the first `byteLength` bytes of `fd`, which may be closed afterwards.
 * Throws {@link SystemCallError}: EPERM or EACCES when seals or the open mode forbid `access`.
 */
export function mapShared(fd: number, byteLength: number, access: MappingAccess): Mapping {
  if (!Number.isSafeInteger(byteLength) || byteLength <= 0) {
    throw new RangeError(`byteLength of a mapping must be a positive integer, got ${byteLength}`);
  }
  const { PROT_READ, PROT_WRITE, MAP_SHARED } = MEMORY_CONSTANTS;
  const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE;
  const address = calls().mmap(0, byteLength, protection, MAP_SHARED, fd, 0);
  if (typeof address === 'bigint')
    throw new SystemCallError('mmap', lastErrno(), `${byteLength} bytes, ${access}`);
  return new SharedMapping({ address, byteLength, users: 1 }, protection);
}

class SharedMapping implements Mapping {
  readonly byteLength: number;
  readonly #range: AddressRange;
  readonly #protection: number;
  readonly #views = new Map<string, ArrayBuffer>();
  #closed = false;

  constructor(range: AddressRange, protection: number) {
    this.byteLength = range.byteLength;
    this.#range = range;
    this.#protection = protection;
    droppedMappings.register(this, range, this);
  }

  view(byteOffset: number, byteLength: number): ArrayBuffer {
    this.#assertRange(byteOffset, byteLength);
    invariant(!this.#closed, 'a closed mapping gives no new views');
    const key = `${byteOffset}+${byteLength}`;
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const view = koffi().view(this.#range.address + byteOffset, byteLength);
    this.#range.users += 1;
    collectedViews.register(view, this.#range);
    this.#views.set(key, view);
    return view;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#views.clear();
    droppedMappings.unregister(this);
    if (this.#range.users > 1) replaceByZeros(this.#range, this.#protection);
    giveUp(this.#range);
  }

  #assertRange(byteOffset: number, byteLength: number): void {
    if (!Number.isSafeInteger(byteLength) || byteLength <= 0 || byteLength > MAX_VIEW_BYTES) {
      throw new RangeError(
        `byteLength of a view must be an integer from 1 to ${MAX_VIEW_BYTES}, got ${byteLength}`,
      );
    }
    if (
      !Number.isSafeInteger(byteOffset) ||
      byteOffset < 0 ||
      byteOffset + byteLength > this.byteLength
    ) {
      throw new RangeError(
        `a view of ${byteLength} bytes at ${byteOffset} is not inside a mapping of ${this.byteLength} bytes`,
      );
    }
  }
}

/** NORESERVE: the zeros cost nothing until someone writes, which only a late writer does. */
function replaceByZeros(range: AddressRange, protection: number): void {
  const { MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE } = MEMORY_CONSTANTS;
  const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
  const address = calls().mmap(range.address, range.byteLength, protection, flags, -1, 0);
  if (address !== range.address)
    throw new SystemCallError('mmap', lastErrno(), 'zero pages over a closed mapping');
}
