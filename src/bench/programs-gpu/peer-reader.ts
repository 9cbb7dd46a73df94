/** Reads frames of one GPU with another one, in place, and copies between both as CUDA does by itself. */
import { checkCuda, cudaDriver, cudaOut, outU64 } from '../../ffi/index.js';
import {
  copyOnDevice,
  DeviceBuffer,
  findDevice,
  type GpuDevice,
  type Kernel,
  Stream,
  streamHandle,
  useDevice,
} from '../../gpu/index.js';
import { type FrameSubscriber, openSubscriber, tensors, type TensorFormat } from '../../index.js';
import { median } from '../measurement.js';
import { checkWords, HostWords, integrityKernel, Stopwatch } from './gpu-tools.js';
import { type GpuGiven, serveGpu, turnsFor } from './serve.js';
import type { StampTask } from './frame-source.js';

export interface PeerGiven extends GpuGiven {
  /** The GPU whose memory is read. */
  readonly owner: number;
  readonly frameBytes: number;
}

/** Of a sample: the median counts. */
const COPIES = 8;
/** Word 1: what a check has counted. */
const WRONG = 1;

class PeerReader {
  readonly #given: PeerGiven;
  readonly #stream: Stream;
  readonly #stopwatch: Stopwatch;
  readonly #words: HostWords;
  readonly #check: Kernel;
  readonly #to: DeviceBuffer;
  #subscriber: FrameSubscriber<TensorFormat> | undefined;
  #own: DeviceBuffer | undefined;

  constructor(given: PeerGiven, stream: Stream) {
    const { device, frameBytes } = given;
    this.#given = given;
    this.#stream = stream;
    this.#stopwatch = new Stopwatch(stream);
    this.#words = new HostWords(device);
    this.#check = integrityKernel('check', device);
    this.#to = DeviceBuffer.create(frameBytes, { device });
  }

  async open({ channel }: { readonly channel: string }): Promise<void> {
    const { directory } = this.#given;
    const options = { format: tensors(), stream: this.#stream, maxHeld: 1, directory };
    const subscriber = await openSubscriber(channel, options);
    this.#subscriber = subscriber as FrameSubscriber<TensorFormat>;
  }

  /** Wrong words of a stamped frame, seen by this GPU in the memory of the other one. */
  async check({ seed }: StampTask): Promise<number> {
    const frame = await this.#frame();
    const { pointer, byteLength } = frame;
    const wanted = { pointer, byteLength, seed };
    const wrong = await checkWords(this.#check, this.#stream, this.#words, WRONG, wanted);
    frame.release();
    return wrong;
  }

  /** GB/s of the copy engine of this GPU out of a frame that it reads in place. */
  async inPlace(): Promise<number> {
    const frame = await this.#frame();
    const value = await this.#rate(frame.pointer);
    frame.release();
    return value;
  }

  /** GB/s between two ordinary allocations of this process, peer access enabled. */
  async plain(): Promise<number> {
    const { owner, frameBytes } = this.#given;
    this.#own ??= this.#makePeerMemory(findDevice(owner, 'copy between GPUs'), frameBytes);
    return this.#rate(this.#own.pointer);
  }

  #makePeerMemory(owner: GpuDevice, byteLength: number): DeviceBuffer {
    const buffer = DeviceBuffer.create(byteLength, { device: owner.index });
    const cuda = cudaDriver();
    const attempt = `let cuda:${this.#stream.device.index} read cuda:${owner.index}`;
    const retained = cuda.cuDevicePrimaryCtxRetain(cudaOut, owner.handle);
    checkCuda(retained, 'cuDevicePrimaryCtxRetain', attempt);
    const context = outU64();
    useDevice(this.#stream.device);
    checkCuda(cuda.cuCtxEnablePeerAccess(context, 0), 'cuCtxEnablePeerAccess', attempt);
    return buffer;
  }

  async #rate(from: bigint): Promise<number> {
    const { pointer, byteLength } = this.#to;
    const samples: number[] = [];
    for (let copy = 0; copy <= COPIES; copy++) {
      useDevice(this.#stream.device);
      this.#stopwatch.start();
      copyOnDevice(streamHandle(this.#stream), Number(pointer), Number(from), byteLength);
      this.#stopwatch.stop();
      const us = await this.#stopwatch.us('end of a copy');
      // The first one wakes the link.
      if (copy > 0) samples.push(byteLength / (us * 1000));
    }
    return median(samples);
  }

  #frame(): Promise<NonNullable<ReturnType<FrameSubscriber<TensorFormat>['tryReceive']>>> {
    return turnsFor('frame', () => this.#subscriber?.tryReceive());
  }
}

await serveGpu<PeerGiven>(async (given) => {
  const reader = new PeerReader(given, await Stream.create({ device: given.device }));
  return {
    open: (task: { readonly channel: string }) => reader.open(task),
    check: (task: StampTask) => reader.check(task),
    inPlace: () => reader.inPlace(),
    plain: () => reader.plain(),
  };
});
