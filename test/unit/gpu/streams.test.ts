import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  copyOnDevice,
  copyToDevice,
  copyToHost,
  DeviceBuffer,
  enqueueWait64,
  enqueueWaitEvent,
  enqueueWrite32,
  enqueueWrite64,
  Event,
  fill32,
  findDevice,
  type Registration,
  registerHostMemory,
  Stream,
  type StreamLike,
  streamHandle,
  streamIdle,
  streamSynchronize,
  useDevice,
} from '../../../src/gpu/index.js';
import { mapShared, memfdCreate, ftruncate, type Mapping } from '../../../src/ffi/index.js';
import { runScenario, skip } from './simulated.js';

const PAGE_BYTES = 4096;
const options = { skip, timeout: 20_000 };

/** A page of memory that streams and this thread both use. */
class Page {
  readonly mapping: Mapping;
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  readonly registration: Registration;

  constructor(device: number) {
    const descriptor = memfdCreate('test', { sealing: true });
    ftruncate(descriptor, PAGE_BYTES);
    this.mapping = mapShared(descriptor, PAGE_BYTES, 'read-write');
    const buffer = this.mapping.view(0, PAGE_BYTES);
    this.words = new Int32Array(buffer);
    this.longs = new BigInt64Array(buffer);
    this.registration = registerHostMemory(new Uint8Array(buffer), {
      device: findDevice(device, 'test'),
      attempt: 'register a page',
    });
  }

  /** As the device sees it. */
  address(byteOffset: number): number {
    return this.registration.devicePointer + byteOffset;
  }

  close(): void {
    this.registration.close();
    this.mapping.close();
  }
}

describe('stream handles', () => {
  it('are bigints or objects with one', () => {
    assert.equal(streamHandle(0n), 0);
    assert.equal(streamHandle(0x7fff_1234_5678n), 0x7fff_1234_5678);
    assert.equal(streamHandle({ handle: 5n }), 5);
    const wrong: unknown[] = [0, 7, '0', null, undefined, {}, { handle: 5 }, -1n, 2n ** 60n];
    for (const stream of wrong) {
      assert.throws(() => streamHandle(stream as StreamLike), TypeError, String(stream));
    }
  });
});

for (const device of [0, 1]) {
  describe(`streams of cuda:${device}`, options, () => {
    let page: Page;
    let stream: Stream;
    let handle: number;

    before(async () => {
      if (skip !== false) return;
      page = new Page(device);
      stream = await Stream.create({ device });
      handle = streamHandle(stream);
    });
    after(async () => {
      if (skip !== false) return;
      await stream.close();
      page.close();
    });

    it('wait for a word and store words, in order', async () => {
      enqueueWait64(handle, page.address(0), 5);
      enqueueWrite64(handle, page.address(64), 2 ** 40 + 3);
      enqueueWrite32(handle, page.address(128), 0xffff_fff1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(stream.idle, false);
      assert.equal(streamIdle(handle), false);
      assert.equal(Atomics.load(page.longs, 8), 0n);
      Atomics.store(page.longs, 0, 4n);
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(Atomics.load(page.longs, 8), 0n);
      Atomics.store(page.longs, 0, 6n);
      await stream.synchronize();
      assert.equal(Atomics.load(page.longs, 8), 2n ** 40n + 3n);
      assert.equal(page.words[32], 0xffff_fff1 | 0);
      assert.equal(page.words[33], 0);
      assert.equal(stream.idle, true);
    });

    it('copy and fill', async () => {
      const deviceBytes = 256;
      using first = DeviceBuffer.create(deviceBytes, { device });
      using second = DeviceBuffer.create(deviceBytes, { device });
      const [a, b] = [Number(first.pointer), Number(second.pointer)];
      page.words.fill(0);
      page.words.set([1, 2, 3, 4]);
      useDevice(findDevice(device, 'test'));
      fill32(handle, a, 0xabcd, deviceBytes / 4);
      copyToDevice(handle, a, hostAddress(page), 16);
      copyOnDevice(handle, b, a, deviceBytes);
      copyToHost(handle, hostAddress(page) + 1024, b, deviceBytes);
      await stream.synchronize();
      assert.deepEqual([...page.words.subarray(256, 261)], [1, 2, 3, 4, 0xabcd]);
      assert.equal(page.words[256 + 63], 0xabcd);
    });

    it('wait for events of each other', async () => {
      await using other = await Stream.create({ device: 1 - device });
      using event = Event.create({ device });
      assert.equal(event.reached, true);
      page.longs[0] = 0n;
      page.longs[16] = 0n;
      enqueueWait64(handle, page.address(0), 1);
      event.record(stream);
      assert.equal(event.reached, false);
      other.waitFor(event);
      enqueueWrite64(streamHandle(other), page.address(128), 9);
      enqueueWaitEvent(streamHandle(other), event);
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(Atomics.load(page.longs, 16), 0n);
      Atomics.store(page.longs, 0, 1n);
      await other.synchronize();
      assert.equal(event.reached, true);
      assert.equal(Atomics.load(page.longs, 16), 9n);
    });

    it('are timed by events', async () => {
      using start = Event.create({ device, timing: true });
      using end = Event.create({ device, timing: true });
      page.longs[0] = 0n;
      start.record(stream);
      enqueueWait64(handle, page.address(0), 1);
      end.record(stream);
      setTimeout(() => Atomics.store(page.longs, 0, 1n), 20);
      await stream.synchronize();
      const elapsedMs = end.elapsedMs(start);
      assert.ok(elapsedMs > 5 && elapsedMs < 10_000, String(elapsedMs));
      using without = Event.create({ device });
      without.record(stream);
      streamSynchronize(handle);
      assert.throws(() => without.elapsedMs(start), { code: 'CUDA_ERROR' });
    });

    it('are waited for without blocking, until the signal', async () => {
      page.longs[0] = 0n;
      enqueueWait64(handle, page.address(0), 1);
      const reason = new Error('enough');
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 10);
      await assert.rejects(stream.synchronize({ signal: controller.signal }), reason);
      await assert.rejects(stream.synchronize({ signal: AbortSignal.abort(reason) }), reason);
      assert.equal(stream.idle, false);
      Atomics.store(page.longs, 0, 1n);
      await stream.synchronize();
    });

    it('finish their work before they close', async () => {
      const closing = await Stream.create({ device });
      page.longs[0] = 0n;
      page.longs[8] = 0n;
      enqueueWait64(streamHandle(closing), page.address(0), 1);
      enqueueWrite64(streamHandle(closing), page.address(64), 4);
      setTimeout(() => Atomics.store(page.longs, 0, 1n), 5);
      await Promise.all([closing.close(), closing.close()]);
      assert.equal(page.longs[8], 4n);
      await closing.close();
      assert.throws(() => closing.handle, { code: 'CLOSED' });
      assert.throws(() => closing.idle, { code: 'CLOSED' });
      await assert.rejects(closing.synchronize(), { code: 'CLOSED' });
    });
  });
}

function hostAddress(page: Page): number {
  // The simulated devices have unified addressing, as the real ones on Linux.
  return page.registration.devicePointer;
}

describe('events', options, () => {
  it('end once', () => {
    const event = Event.create();
    assert.equal(typeof event.handle, 'bigint');
    event.close();
    event.close();
    assert.throws(() => event.handle, { code: 'CLOSED' });
    assert.throws(() => event.reached, { code: 'CLOSED' });
    assert.throws(() => event.record(0n), { code: 'CLOSED' });
  });

  it('and streams refuse devices that do not exist', async () => {
    assert.throws(() => Event.create({ device: 9 }), { code: 'WRONG_DEVICE' });
    await assert.rejects(Stream.create({ device: 'cuda:9' }), { code: 'WRONG_DEVICE' });
  });
});

describe('errors of stream operations', options, () => {
  it('say what was attempted where', async () => {
    useDevice(findDevice(0, 'test'));
    const nowhere = 0x1000;
    await using stream = await Stream.create();
    const handle = streamHandle(stream);
    assert.throws(() => enqueueWrite64(handle, nowhere, 5), {
      code: 'CUDA_ERROR',
      message: /^cannot store 5 at 0x1000 on stream 0x\w+: cuStreamWriteValue64 answered/,
    });
    assert.throws(() => enqueueWait64(handle, nowhere, 5), {
      code: 'CUDA_ERROR',
      message: /^cannot wait for 5 at 0x1000/,
    });
    assert.throws(() => copyToHost(handle, nowhere, nowhere, 8), {
      code: 'CUDA_ERROR',
      message: /^cannot copy 8 bytes on stream/,
    });
    assert.throws(() => fill32(handle, nowhere, 0, 2), { code: 'CUDA_ERROR' });
  });
});

describe('the calls of every frame', options, () => {
  it('allocate nothing, but for the number of a stream', () => {
    const found = runScenario('allocation', { nodeOptions: ['--expose-gc'] });
    for (const [call, bytes] of found as [string, number][]) {
      // The smallest object takes 16; the rest is what measuring takes.
      const most = call === 'launch' ? 28 : 12;
      assert.ok(bytes < most, `${call} allocates ${bytes} bytes a call`);
    }
  });
});

describe('a worker thread', options, () => {
  it('uses streams of its own and may end while the driver is loaded', async () => {
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(new URL('worker-program.js', import.meta.url));
      const code = await new Promise((resolve, reject) => {
        worker.on('error', reject);
        worker.on('exit', resolve);
      });
      assert.equal(code, 0);
    }
  });
});
