/** Opens and closes subscriptions to a large pool of GPU memory, and looks at what that costs: for `gpu-open`. */
import { checkCuda, cudaDriver, cudaOut, duplicateDescriptor, outU64 } from '../../ffi/index.js';
import {
  allocateShared,
  findDevice,
  importShared,
  type SharedAllocation,
  Stream,
  useDevice,
} from '../../gpu/index.js';
import { openSubscriber, tensors } from '../../index.js';
import { type GpuGiven, serveGpu, turnsFor } from './serve.js';

export interface OpenTask {
  readonly channel: string;
}

export interface OpenResult {
  /** Of openSubscriber(). */
  readonly openMs: number;
  /** Free memory of the GPU before, less that while a frame of the channel is held. */
  readonly usedBytes: number;
}

export interface MapTask {
  readonly byteLength: number;
}

class Opener {
  #allocation: SharedAllocation | undefined;

  constructor(
    private readonly given: GpuGiven,
    private readonly stream: Stream,
  ) {}

  async open({ channel }: OpenTask): Promise<OpenResult> {
    const before = this.#freeBytes();
    const { directory } = this.given;
    const startedMs = performance.now();
    const subscriber = await openSubscriber(channel, {
      format: tensors(),
      stream: this.stream,
      maxHeld: 1,
      directory,
    });
    const openMs = performance.now() - startedMs;
    const frame = await turnsFor('frame', () => subscriber.tryReceive());
    const usedBytes = before - this.#freeBytes();
    frame.release();
    await subscriber.close();
    return { openMs, usedBytes };
  }

  /** ms to import and map memory that was exported by its descriptor, without a channel around it. */
  mapAlone({ byteLength }: MapTask): number {
    const device = findDevice(this.given.device, 'measure a mapping');
    const attempt = 'measure a mapping';
    this.#allocation ??= allocateShared(device, byteLength, attempt);
    const descriptor = duplicateDescriptor(this.#allocation.descriptor);
    const size = { device, byteLength: this.#allocation.byteLength, attempt };
    const startedMs = performance.now();
    const imported = importShared(descriptor, size);
    const takenMs = performance.now() - startedMs;
    imported.close();
    return takenMs;
  }

  #freeBytes(): number {
    useDevice(this.stream.device);
    const total = new Uint8Array(8);
    checkCuda(cudaDriver().cuMemGetInfo(cudaOut, total), 'cuMemGetInfo', 'ask for free memory');
    return outU64();
  }
}

await serveGpu<GpuGiven>(async (given) => {
  const opener = new Opener(given, await Stream.create({ device: given.device }));
  return {
    open: (task: OpenTask) => opener.open(task),
    mapAlone: (task: MapTask) => opener.mapAlone(task),
  };
});
