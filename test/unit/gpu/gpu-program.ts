/** Helper of the tests of this folder: what needs a process, or an environment, of its own. */
import { readFileSync } from 'node:fs';
import {
  allocateShared,
  canAccess,
  copyToHost,
  cudaProblem,
  deviceByUuid,
  DeviceBuffer,
  enqueueWait64,
  enqueueWrite32,
  enqueueWrite64,
  Event,
  findDevice,
  importShared,
  isStickyCudaError,
  listDevices,
  loadKernel,
  probeSharedMemory,
  probeStreamMemoryOperations,
  Stream,
  streamHandle,
  streamSynchronize,
  useDevice,
} from '../../../src/gpu/index.js';
import { addressOf } from '../../../src/ffi/index.js';
import { SIMULATED_PTX } from '../../cuda-simulator/simulator.js';

function failure(action: () => unknown): { code?: unknown; message: string; name?: unknown } {
  try {
    action();
    return { message: 'no error' };
  } catch (error) {
    const { code, message, details } = error as {
      code?: unknown;
      message: string;
      details?: { name?: unknown };
    };
    return { code, message, name: details?.name };
  }
}

function isLoaded(): boolean {
  return /koffi|cuda-simulator.so/.test(readFileSync('/proc/self/maps', 'utf8'));
}

const scenarios: Readonly<Record<string, (...values: string[]) => unknown>> = {
  /** Nothing native is loaded before it is used. */
  lazy: async () => {
    await import('../../../src/cuda.js');
    const before = isLoaded();
    listDevices();
    return [before, isLoaded()];
  },

  problem: () => {
    const problem = cudaProblem();
    return { code: problem?.code, message: problem?.message, count: isLoaded() };
  },

  devices: () =>
    listDevices().map(({ index, uuid }) => [index, uuid, deviceByUuid(uuid)?.index ?? -1]),

  peers: () => {
    const [first, second] = listDevices();
    return [canAccess(first!, first!), canAccess(first!, second!)];
  },

  /** Reads what the parent shared, on the device it names. */
  import: (byteLength, device) => {
    const reader = findDevice(Number(device), 'test');
    let copied: number[] = [];
    const error = failure(() => {
      const memory = importShared(3, {
        device: reader,
        byteLength: Number(byteLength),
        attempt: 'map received memory',
      });
      const words = new Uint32Array(2);
      const address = Number(addressOf(new Uint8Array(words.buffer)));
      copyToHost(0, address, memory.pointer, words.byteLength);
      streamSynchronize(0);
      copied = [...words];
      memory.close();
    });
    return { copied, error, isDescriptorOpen: isOpen(3) };
  },

  /** A kernel stores into an import: CUDA is over for this process, and it can still end in order. */
  stray: async (byteLength) => {
    const device = findDevice(0, 'test');
    const memory = importShared(3, { device, byteLength: Number(byteLength), attempt: 'test' });
    const stream = await Stream.create();
    const event = Event.create();
    const kernel = loadKernel(SIMULATED_PTX, 'store32');
    kernel.launch({ grid: 1, block: 1, stream, args: [BigInt(memory.pointer), 7] });
    const outcome = await stream.synchronize().then(
      () => undefined,
      (error: unknown) => error,
    );
    const later = failure(() => DeviceBuffer.create(64));
    kernel.close();
    event.close();
    await stream.close();
    memory.close();
    return {
      sticky: isStickyCudaError(outcome),
      message: outcome instanceof Error ? outcome.message : String(outcome),
      later: later.name,
    };
  },

  /** With SLUICE_SIMULATED_BYTES=8 MiB. */
  full: () => {
    const device = findDevice(0, 'test');
    const results = [
      failure(() => allocateShared(device, 16 << 20, 'make a pool')).code,
      failure(() => DeviceBuffer.create(16 << 20)).code,
    ];
    // Everything that a failure took was given back.
    for (let round = 0; round < 20; round++) allocateShared(device, 6 << 20, 'test').close();
    return results;
  },

  /** With a failure injected: what is left of a shared allocation that could not be made. */
  cleanup: () => {
    const device = findDevice(0, 'test');
    useDevice(device);
    const before = openDescriptors();
    const error = failure(() => allocateShared(device, 6 << 20, 'make a pool'));
    const leaked = openDescriptors() - before;
    allocateShared(device, 6 << 20, 'make a pool').close();
    return { code: error.code, name: error.name, leaked };
  },

  /** Bytes of JavaScript heap that a call takes. */
  allocation: async () => {
    const device = findDevice(0, 'test');
    useDevice(device);
    const stream = await Stream.create();
    const handle = streamHandle(stream);
    const memory = allocateShared(device, 4096, 'test');
    const { pointer } = memory;
    const kernel = loadKernel(SIMULATED_PTX, 'store32');
    const launch = { grid: 1, block: [1], stream: stream.handle, args: [BigInt(pointer), 7] };
    const calls: Readonly<Record<string, () => void>> = {
      useDevice: () => useDevice(device),
      enqueueWrite64: () => enqueueWrite64(handle, pointer, 5),
      enqueueWrite32: () => enqueueWrite32(handle, pointer, 5),
      enqueueWait64: () => enqueueWait64(handle, pointer, 0),
      launch: () => kernel.launch(launch),
    };
    return Object.entries(calls).map(([name, call]) => [name, bytesPerCall(call, handle)]);
  },

  probes: () => {
    const device = findDevice(0, 'test');
    return [probeStreamMemoryOperations(device) ?? null, probeSharedMemory(device) ?? null];
  },
};

/** The least of a few measurements: compilers of the engine use the same heap when they come to it. */
function bytesPerCall(call: () => void, stream: number): number {
  return Math.min(...Array.from({ length: 5 }, () => measuredBytesPerCall(call, stream)));
}

function measuredBytesPerCall(call: () => void, stream: number): number {
  const ROUNDS = 20_000;
  for (let round = 0; round < ROUNDS; round += 1) call();
  streamSynchronize(stream);
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < ROUNDS; round += 1) call();
  const after = process.memoryUsage().heapUsed;
  streamSynchronize(stream);
  return (after - before) / ROUNDS;
}

function isOpen(fd: number): boolean {
  try {
    readFileSync(`/proc/self/fdinfo/${fd}`);
    return true;
  } catch {
    return false;
  }
}

function openDescriptors(): number {
  return [...Array(64).keys()].filter(isOpen).length;
}

const [, , scenario, ...values] = process.argv;
console.log(JSON.stringify(await scenarios[scenario!]!(...values)));
