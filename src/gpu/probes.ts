/** What a GPU and its driver can do here, found out by doing it: for `sluice doctor`. */
import {
  addressOf,
  closeDescriptor,
  CUDA_CONSTANTS,
  decoderCapabilities,
  duplicateDescriptor,
  ftruncate,
  mapShared,
  type Mapping,
  memfdCreate,
  nvrtcLibraryVersion,
  type VideoCodec,
} from '../ffi/index.js';
import { deviceAttribute, type GpuDevice, useDevice } from './devices.js';
import { registerHostMemory } from './host-registration.js';
import { allocateShared, importShared } from './shared-allocation.js';
import { makeStream, onOwnStream, releaseStream } from './stream.js';
import { copyToHost, enqueueWait64, enqueueWrite64, fill32 } from './stream-operations.js';

const PAGE_BYTES = 4096;

/** Far above the 10 µs that a word takes there and back. */
const PATIENCE_MS = 1000;

/** How long a stream is watched that should be waiting. */
const WAITING_MS = 2;

/** What the GPU reads and what it writes, in 32-bit words of the page: on different cache lines. */
const GATE_WORD = 0;
const ANSWER_WORD = 16;
const ANSWER = 7;

/** Pages that a stream may still be waiting on: never given back. */
const abandonedPages: Mapping[] = [];

/**
 * Whether streams of `device` wait for words in registered host memory and store into it: undefined, or what went wrong.
 * The attribute that tells of it reads 0 on drivers where it works, so it is tried. Never throws; blocks for 2 ms.
 */
export function probeStreamMemoryOperations(device: GpuDevice): string | undefined {
  return problemOf(() => {
    const page = makePage();
    const words = new Int32Array(page.view(0, PAGE_BYTES));
    const registration = registerHostMemory(new Uint8Array(words.buffer), {
      device,
      attempt: 'register a page of host memory with the GPU',
    });
    const stream = makeStream(device, true);
    const base = registration.devicePointer;
    enqueueWait64(stream, base + GATE_WORD * 4, 1);
    enqueueWrite64(stream, base + ANSWER_WORD * 4, ANSWER);
    const isEarly = answersWithin(words, WAITING_MS);
    Atomics.store(words, GATE_WORD, 1);
    if (!isEarly && !answersWithin(words, PATIENCE_MS)) {
      // Giving it back would wait for the stream.
      abandonedPages.push(page);
      return `a stream did not see a word of host memory change within ${PATIENCE_MS} ms`;
    }
    releaseStream(device, stream);
    registration.close();
    page.close();
    return isEarly ? 'a stream did not wait for a word of host memory' : undefined;
  });
}

function makePage(): Mapping {
  const descriptor = memfdCreate('sluice probe', { sealing: true });
  try {
    ftruncate(descriptor, PAGE_BYTES);
    return mapShared(descriptor, PAGE_BYTES, 'read-write');
  } finally {
    closeDescriptor(descriptor);
  }
}

function answersWithin(words: Int32Array, patienceMs: number): boolean {
  const endMs = performance.now() + patienceMs;
  while (Atomics.load(words, ANSWER_WORD) !== ANSWER) {
    if (performance.now() > endMs) return false;
  }
  return true;
}

/**
 * Whether memory of `device` can be exported, imported and read back: undefined, or what went wrong. Never throws; takes
 * 2 MiB of the GPU for a moment.
 */
export function probeSharedMemory(device: GpuDevice): string | undefined {
  return problemOf(() => {
    const attempt = 'share GPU memory';
    const allocation = allocateShared(device, PAGE_BYTES, attempt);
    try {
      onOwnStream(device, attempt, (stream) => fill32(stream, allocation.pointer, ANSWER, 1));
      const descriptor = duplicateDescriptor(allocation.descriptor);
      const { byteLength } = allocation;
      const imported = importShared(descriptor, { device, byteLength, attempt });
      try {
        const word = new Uint8Array(4);
        const hostAddress = Number(addressOf(word));
        onOwnStream(device, attempt, (stream) =>
          copyToHost(stream, hostAddress, imported.pointer, 4),
        );
        return word[0] === ANSWER
          ? undefined
          : 'imported GPU memory does not hold what was written';
      } finally {
        imported.close();
      }
    } finally {
      allocation.close();
    }
  });
}

function problemOf(probe: () => string | undefined): string | undefined {
  try {
    return probe();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What the driver says of a device; undefined where it is too old to know. */
export interface DeviceAttributes {
  /** Virtual memory management, without which nothing is shared. */
  readonly virtualMemory: boolean | undefined;
  /** Export as a file descriptor, without which nothing is shared. */
  readonly posixDescriptors: boolean | undefined;
  /** The Multi-Process Service is on: kernels of several processes run at once. */
  readonly multiProcessService: boolean | undefined;
}

/** Throws `CUDA_ERROR`. */
export function deviceAttributes(device: GpuDevice): DeviceAttributes {
  const ask = (attribute: number): boolean | undefined => {
    const value = deviceAttribute(device, attribute);
    return value === undefined ? undefined : value !== 0;
  };
  const constants = CUDA_CONSTANTS;
  return {
    virtualMemory: ask(constants.CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED),
    posixDescriptors: ask(
      constants.CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED,
    ),
    multiProcessService: ask(constants.CU_DEVICE_ATTRIBUTE_MPS_ENABLED),
  };
}

/** Such as '13.0'; undefined when NVRTC cannot be used. Never throws. */
export function nvrtcVersion(): string | undefined {
  try {
    return nvrtcLibraryVersion();
  } catch {
    return undefined;
  }
}

/** What is asked for, as `decoderCodecs` names it. */
const DECODERS: readonly (readonly [string, VideoCodec, 8 | 10])[] = [
  ['h264', 'h264', 8],
  ['hevc', 'hevc', 8],
  ['hevc 10-bit', 'hevc', 10],
  ['vp8', 'vp8', 8],
  ['vp9', 'vp9', 8],
  ['vp9 10-bit', 'vp9', 10],
  ['av1', 'av1', 8],
  ['av1 10-bit', 'av1', 10],
  ['mpeg2', 'mpeg2', 8],
  ['mpeg4', 'mpeg4', 8],
  ['jpeg', 'jpeg', 8],
];

/** What the video decoder of `device` decodes; undefined when its library cannot be used. Never throws. */
export function decoderCodecs(device: GpuDevice): readonly string[] | undefined {
  try {
    useDevice(device);
    const supported = DECODERS.filter(([, codec, bits]) => decoderCapabilities(codec, bits));
    return supported.map(([name]) => name);
  } catch {
    return undefined;
  }
}
