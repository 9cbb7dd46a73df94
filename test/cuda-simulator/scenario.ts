/**
 * What the test of the simulator does with it, each scenario in a process of its own: scenario.js <name>. Prints the
 * answers as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  addressOf,
  cudaDriver,
  type CudaDriver,
  cudaOut,
  ftruncate,
  mapShared,
  memfdCreate,
  outF32,
  outI32,
  outU64,
  packAccessDescription,
  packAllocationProperties,
} from '../../src/ffi/index.js';
import { SIMULATED_PTX } from './simulator.js';

const MIB = 2 ** 20;
const SIZE_BYTES = 2 * MIB;
const PAGE_BYTES = 4096;
const NON_BLOCKING = 1;
/** PORTABLE | DEVICEMAP */
const REGISTER = 3;

const program = fileURLToPath(import.meta.url);
const driver: CudaDriver = cudaDriver();

function ok(code: number, call: string): void {
  if (code !== 0) throw new Error(`${call} answered ${code}`);
}

function useDevice(device: number): void {
  ok(driver.cuInit(0), 'cuInit');
  ok(driver.cuDevicePrimaryCtxRetain(cudaOut, device), 'cuDevicePrimaryCtxRetain');
  ok(driver.cuCtxSetCurrent(outU64()), 'cuCtxSetCurrent');
}

function makeStream(): number {
  ok(driver.cuStreamCreate(cudaOut, NON_BLOCKING), 'cuStreamCreate');
  return outU64();
}

interface Page {
  readonly words: BigInt64Array;
  readonly host: number;
  readonly device: number;
}

/** A page of a memfd that the device reads and writes. */
function registerPage(fd: number): Page {
  const words = new BigInt64Array(mapShared(fd, PAGE_BYTES, 'read-write').view(0, PAGE_BYTES));
  const host = Number(addressOf(new Uint8Array(words.buffer)));
  ok(driver.cuMemHostRegister(host, PAGE_BYTES, REGISTER), 'cuMemHostRegister');
  ok(driver.cuMemHostGetDevicePointer(cudaOut, host, 0), 'cuMemHostGetDevicePointer');
  return { words, host, device: outU64() };
}

function makePage(): Page & { readonly fd: number } {
  const fd = memfdCreate('scenario', { sealing: true });
  ftruncate(fd, PAGE_BYTES);
  return { ...registerPage(fd), fd };
}

function create(device: number, byteLength = SIZE_BYTES): number {
  const properties = packAllocationProperties(device);
  ok(driver.cuMemCreate(cudaOut, byteLength, properties, 0), 'cuMemCreate');
  return outU64();
}

function exported(allocation: number): number {
  ok(driver.cuMemExportToShareableHandle(cudaOut, allocation, 1, 0), 'export');
  return outI32();
}

function mapped(allocation: number, device: number, access: 'read' | 'read-write'): number {
  ok(driver.cuMemAddressReserve(cudaOut, SIZE_BYTES, 0, 0, 0), 'cuMemAddressReserve');
  const address = outU64();
  ok(driver.cuMemMap(address, SIZE_BYTES, 0, allocation, 0), 'cuMemMap');
  const description = packAccessDescription(device, access);
  ok(driver.cuMemSetAccess(address, SIZE_BYTES, description, 1), 'cuMemSetAccess');
  return address;
}

function allocate(byteLength: number): number {
  ok(driver.cuMemAlloc(cudaOut, byteLength), 'cuMemAlloc');
  return outU64();
}

function findKernel(name: string): number {
  const image = Buffer.from(`${SIMULATED_PTX}\0`);
  const none = new Uint8Array(8);
  ok(driver.cuModuleLoadDataEx(cudaOut, image, 0, none, none), 'cuModuleLoadDataEx');
  ok(driver.cuModuleGetFunction(cudaOut, outU64(), name), 'cuModuleGetFunction');
  return outU64();
}

function launch(kernel: number, stream: number, values: readonly (bigint | number)[]): number {
  const words = new BigUint64Array(values.map(BigInt));
  const base = addressOf(new Uint8Array(words.buffer));
  const pointers = new BigUint64Array(values.map((_, index) => base + BigInt(index * 8)));
  const bytes = new Uint8Array(pointers.buffer);
  return driver.cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, stream, bytes, null);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

const FRAMES = 20;
const WORDS = 1024;

/** The other end of `twoProcesses`: descriptors 3 (the allocation) and 4 (the page). */
function peer(): unknown {
  const device = Number(process.env['PEER_DEVICE']);
  useDevice(device);
  ok(driver.cuMemImportFromShareableHandle(cudaOut, 3, 1), 'import');
  const frame = mapped(outU64(), device, 'read');
  const page = registerPage(4);
  const stream = makeStream();
  const check = findKernel('check');
  for (let sequence = 1; sequence <= FRAMES; sequence++) {
    ok(driver.cuStreamWaitValue64(stream, page.device, sequence, 0), 'wait');
    ok(launch(check, stream, [frame, WORDS, sequence, page.device + 128]), 'check');
    ok(driver.cuStreamWriteValue64(stream, page.device + 64, sequence, 0), 'write');
  }
  ok(driver.cuStreamSynchronize(stream), 'cuStreamSynchronize');
  const fill = driver.cuMemsetD32Async(frame, 1, 1, stream);
  const store = launch(findKernel('store32'), stream, [frame, 1]);
  const answers = { fill, store, synchronize: driver.cuStreamSynchronize(stream) };
  return { ...answers, later: [driver.cuStreamQuery(stream), driver.cuMemAlloc(cudaOut, 64)] };
}

/** Frames go from GPU 0 here to a GPU of another process, and leave back, all of it in stream order. */
async function twoProcesses(): Promise<unknown> {
  useDevice(0);
  const allocation = create(0);
  const fd = exported(allocation);
  const frame = mapped(allocation, 0, 'read-write');
  const page = makePage();
  const child = spawn(process.execPath, [program, 'peer'], {
    stdio: ['ignore', 'pipe', 'inherit', fd, page.fd],
  });
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  const ended = once(child, 'close');
  const stream = makeStream();
  const stamp = findKernel('stamp');
  for (let sequence = 1; sequence <= FRAMES; sequence++) {
    if (sequence > 1) {
      ok(driver.cuStreamWaitValue64(stream, page.device + 64, sequence - 1, 0), 'wait');
    }
    ok(launch(stamp, stream, [frame, WORDS, sequence]), 'stamp');
    ok(driver.cuStreamWriteValue64(stream, page.device, sequence, 0), 'write');
  }
  await ended;
  const differing = Number(page.words[16]);
  const own = driver.cuStreamSynchronize(stream);
  return { peer: JSON.parse(Buffer.concat(output).toString()) as unknown, differing, own };
}

/** Two slow fills, a copy of the first and a word: what the word stands for is done when it is there. */
async function order(): Promise<unknown> {
  useDevice(0);
  const page = makePage();
  const memory = allocate(2 * MIB);
  const stream = makeStream();
  ok(driver.cuEventCreate(cudaOut, 0), 'cuEventCreate');
  const first = outU64();
  ok(driver.cuEventCreate(cudaOut, 0), 'cuEventCreate');
  const last = outU64();
  const neverRecorded = driver.cuEventQuery(first);
  ok(driver.cuEventRecord(first, stream), 'record');
  ok(driver.cuMemsetD32Async(memory, 7, MIB / 4, stream), 'fill');
  ok(driver.cuMemcpyDtoDAsync(memory + MIB, memory, MIB, stream), 'copy');
  ok(driver.cuMemcpyDtoHAsync(page.host + 8, memory + 2 * MIB - 8, 8, stream), 'copy');
  ok(driver.cuStreamWriteValue64(stream, page.device, 1, 0), 'write');
  ok(driver.cuEventRecord(last, stream), 'record');
  const early = [driver.cuEventQuery(last), Number(page.words[0])];
  await until(() => Atomics.load(page.words, 0) === 1n);
  const copied = Number(page.words[1]) === 7 * 2 ** 32 + 7;
  await until(() => driver.cuEventQuery(last) === 0);
  ok(driver.cuEventElapsedTime(cudaOut, first, last), 'time');
  return { neverRecorded, early, copied, took40Ms: outF32() >= 40 };
}

/** A page that a queued write names is unregistered. */
async function unregister(): Promise<unknown> {
  useDevice(0);
  const gate = makePage();
  const page = makePage();
  const stream = makeStream();
  ok(driver.cuStreamWaitValue64(stream, gate.device, 1, 0), 'wait');
  ok(driver.cuStreamWriteValue64(stream, page.device, 1, 0), 'write');
  const call = driver.cuMemHostUnregister(page.host);
  gate.words[0] = 1n;
  await until(() => driver.cuStreamQuery(stream) !== 600);
  return { call, query: driver.cuStreamQuery(stream), word: Number(page.words[0]) };
}

/** Where the host pointer of registered memory is not its address on the device. */
function separatePointers(): unknown {
  useDevice(0);
  const page = makePage();
  const stream = makeStream();
  const byHost = driver.cuStreamWriteValue64(stream, page.host, 1, 0);
  const byDevice = driver.cuStreamWriteValue64(stream, page.device, 2, 0);
  const differ = page.host !== page.device;
  const synchronize = driver.cuStreamSynchronize(stream);
  const unregisterByDevice = driver.cuMemHostUnregister(page.device);
  return { differ, byHost, byDevice, synchronize, word: Number(page.words[0]), unregisterByDevice };
}

function injected(): unknown {
  useDevice(0);
  const page = makePage();
  const stream = makeStream();
  const write = () => driver.cuStreamWriteValue64(stream, page.device, 1, 0);
  const alloc = () => driver.cuMemAlloc(cudaOut, 64);
  return { writes: [write(), write(), write()], allocs: [alloc(), alloc(), alloc()] };
}

function machine(): unknown {
  const init = driver.cuInit(0);
  if (init !== 0) return { init };
  driver.cuDeviceGetCount(cudaOut);
  const first: number[] = [];
  const count = outI32();
  for (let device = 0; device < count; device++) {
    ok(driver.cuDeviceGetUuid(cudaOut, device), 'uuid');
    first.push(cudaOut[0] ?? -1);
  }
  useDevice(0);
  const taken = driver.cuMemAlloc(cudaOut, 4 * MIB);
  const tooMuch = driver.cuMemAlloc(cudaOut, 5 * MIB);
  driver.cuDeviceCanAccessPeer(cudaOut, 0, 1);
  return { count, first, taken, tooMuch, peers: outI32() };
}

const SCENARIOS: Readonly<Record<string, () => unknown>> = {
  peer,
  twoProcesses,
  order,
  unregister,
  separatePointers,
  injected,
  machine,
};

const scenario = SCENARIOS[process.argv[2] ?? ''];
if (scenario === undefined) throw new Error(`no scenario ${process.argv[2]}`);
writeSync(1, JSON.stringify(await scenario()));
