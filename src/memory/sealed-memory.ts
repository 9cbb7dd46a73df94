/**
 * Sealed memfds: the only memory that crosses a process border.
 *
 * The owner maps read-write first and then seals. FUTURE_WRITE lets that mapping go on writing and refuses every new
 * writable one, so a reader cannot write; SHRINK and GROW keep a reader from SIGBUS; SEAL keeps the seals.
 * A reader checks all of it before it maps, because a file that can shrink is a way to kill whoever reads it.
 */
import { SluiceError } from '../core/index.js';
import {
  SEAL,
  SystemCallError,
  TMPFS_MAGIC,
  addSeals,
  closeDescriptor,
  fallocate,
  fileStatus,
  ftruncate,
  getSeals,
  mapShared,
  memfdCreate,
  memoryLimits,
  type Mapping,
  type MappingAccess,
  type MemoryLimits,
} from '../ffi/index.js';
import { systemFailure } from './failure.js';

/** Seals of memory that its readers can only read. */
export const READ_ONLY_SEALS = SEAL.SHRINK | SEAL.GROW | SEAL.FUTURE_WRITE | SEAL.SEAL;

/** Seals of memory that both sides write: the size is fixed, nothing else. */
export const SHARED_SEALS = SEAL.SHRINK | SEAL.GROW | SEAL.SEAL;

/** Below this size the answer to "is there enough memory?" is not worth reading four files. */
const CHECK_LIMITS_FROM_BYTES = 1024 * 1024;

/** memfd_create(2): a name has at most 249 bytes. */
const MAX_LABEL_LENGTH = 60;

/** Left for page tables and for the process itself, which the kernel would kill. */
const RESERVE_BYTES = 16 * 1024 * 1024;

export interface OwnedMemory {
  readonly mapping: Mapping;
  readonly descriptor: number;
}

/** New zeroed memory, mapped read-write here and sealed with `seals`. The descriptor is the caller's. */
export function createSealedMemory(label: string, byteLength: number, seals: number): OwnedMemory {
  assertEnforcedSeals();
  assertEnoughMemory(label, byteLength);
  const attempt = `make ${byteLength} bytes of shared memory for ${label}`;
  let descriptor = -1;
  let mapping: Mapping | undefined;
  try {
    descriptor = memfdCreate(`sluice ${label.slice(0, MAX_LABEL_LENGTH)}`, { sealing: true });
    ftruncate(descriptor, byteLength);
    fallocate(descriptor, byteLength);
    mapping = mapShared(descriptor, byteLength, 'read-write');
    addSeals(descriptor, seals);
    return { mapping, descriptor };
  } catch (error) {
    mapping?.close();
    if (descriptor >= 0) closeDescriptor(descriptor);
    throw systemFailure(attempt, error);
  }
}

/**
 * Maps memory that another process sent. Owns `descriptor`: it is closed in every case, also when `announcedBytes`
 * (which checks the caller's numbers) throws. `PROTOCOL` when it is not a sealed, fully allocated memfd of exactly
 * that size.
 */
export function importSealedMemory(
  descriptor: number,
  access: MappingAccess,
  announcedBytes: () => number,
): Mapping {
  try {
    const byteLength = announcedBytes();
    assertTrustworthy(descriptor, byteLength, access);
    return mapShared(descriptor, byteLength, access);
  } catch (error) {
    throw systemFailure('map received memory', error);
  } finally {
    closeDescriptor(descriptor);
  }
}

function assertTrustworthy(descriptor: number, byteLength: number, access: MappingAccess): void {
  const status = fileStatus(descriptor);
  const required = access === 'read' ? READ_ONLY_SEALS : SHARED_SEALS;
  if (!status.isRegular || status.fileSystemMagic !== TMPFS_MAGIC) {
    refuse('it is not a memfd', {
      fileSystemMagic: status.fileSystemMagic,
      isSocket: status.isSocket,
    });
  }
  const seals = sealsOf(descriptor);
  // By mask: kernels and options add seals of their own, such as EXEC.
  if ((seals & required) !== required) {
    refuse(`its seals are 0x${seals.toString(16)}, and 0x${required.toString(16)} are needed`, {
      seals,
      required,
    });
  }
  if (access === 'read-write' && (seals & (SEAL.WRITE | SEAL.FUTURE_WRITE)) !== 0) {
    refuse(`its seals are 0x${seals.toString(16)}, which forbid writing to it`, { seals });
  }
  // After the seals: only now can the size no longer change under us.
  const sealed = fileStatus(descriptor);
  if (sealed.byteLength !== byteLength) {
    refuse(`it has ${sealed.byteLength} bytes, and ${byteLength} were announced`, {
      byteLength: sealed.byteLength,
      announcedBytes: byteLength,
    });
  }
  if (sealed.allocatedBytes < byteLength) {
    refuse(`only ${sealed.allocatedBytes} of its ${byteLength} bytes are allocated`, {
      allocatedBytes: sealed.allocatedBytes,
      byteLength,
    });
  }
}

function refuse(found: string, details: Readonly<Record<string, unknown>>): never {
  throw new SluiceError('PROTOCOL', `refused received memory: ${found}`, { details });
}

/** 0 for a file that knows no seals. */
function sealsOf(descriptor: number): number {
  try {
    return getSeals(descriptor);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EINVAL') return 0;
    throw error;
  }
}

/**
 * Throws `NO_SPACE` when `byteLength` bytes are more than the machine or the control group has left: past a control
 * group's limit fallocate does not fail, the kernel kills.
 */
export function assertEnoughMemory(label: string, byteLength: number, limits?: MemoryLimits): void {
  if (byteLength < CHECK_LIMITS_FROM_BYTES) return;
  const attempt = `make ${byteLength} bytes of shared memory for ${label}`;
  const found = limits ?? readLimits(attempt);
  if (byteLength + RESERVE_BYTES <= found.availableBytes) return;
  const { availableBytes, machineAvailableBytes, cgroupLimitBytes, cgroupUsedBytes } = found;
  const group =
    cgroupLimitBytes === undefined
      ? ''
      : `; the control group uses ${cgroupUsedBytes} of ${cgroupLimitBytes} bytes`;
  throw new SluiceError(
    'NO_SPACE',
    `cannot ${attempt}: ${availableBytes} bytes are available, of which ${RESERVE_BYTES} are kept back ` +
      `(the machine has ${machineAvailableBytes}${group})`,
    { details: { wantedBytes: byteLength, reserveBytes: RESERVE_BYTES, ...found } },
  );
}

function readLimits(attempt: string): MemoryLimits {
  try {
    return memoryLimits();
  } catch (error) {
    throw systemFailure(attempt, error);
  }
}

let sealsAreEnforced = false;

/**
 * Some kernels (gVisor) report FUTURE_WRITE and let everyone write all the same. So once a process: seal a page, and
 * see that a new writable mapping is refused. `mapAgain` stands in for such a kernel in tests.
 */
export function assertEnforcedSeals(mapAgain?: typeof mapShared): void {
  if (sealsAreEnforced && mapAgain === undefined) return;
  const byteLength = 4096;
  let descriptor = -1;
  let writable: Mapping | undefined;
  try {
    descriptor = memfdCreate('sluice probe', { sealing: true });
    ftruncate(descriptor, byteLength);
    addSeals(descriptor, READ_ONLY_SEALS);
    writable = writableMapping(mapAgain ?? mapShared, descriptor, byteLength);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EINVAL') {
      throw new SluiceError(
        'UNSUPPORTED',
        'this kernel cannot seal memory against writers (Linux 5.1 or newer is needed)',
        {
          cause: error,
        },
      );
    }
    throw systemFailure('try whether memory can be sealed', error);
  } finally {
    writable?.close();
    if (descriptor >= 0) closeDescriptor(descriptor);
  }
  if (writable !== undefined) {
    throw new SluiceError(
      'UNSUPPORTED',
      'this kernel accepts the seal F_SEAL_FUTURE_WRITE and does not enforce it',
      {
        remedy: 'Run outside gVisor: subscribers could write to the memory of a publisher there.',
      },
    );
  }
  sealsAreEnforced = true;
}

function writableMapping(
  map: typeof mapShared,
  descriptor: number,
  byteLength: number,
): Mapping | undefined {
  try {
    return map(descriptor, byteLength, 'read-write');
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EPERM') return undefined;
    throw error;
  }
}
