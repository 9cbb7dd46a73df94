/** Planes, tensors and DLPack of frames in GPU memory: addresses that any CUDA library can take. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Stream } from '../../../src/gpu/index.js';
import { fill32, streamHandle, useDevice } from '../../../src/gpu/index.js';
import { tensors, video } from '../../../src/index.js';
import { GpuRuntime } from '../gpu-runtime.js';
import { options } from '../place.js';

const NV12 = video({ width: 100, height: 50, pixelFormat: 'nv12' });
const BOTH = tensors({ a: { dtype: 'f32', shape: [3, 5] }, b: { dtype: 'i16', shape: [7] } });

/** Every byte of the memory gets this value. */
function fill(stream: Stream, pointer: bigint, byteLength: number, value: number): void {
  useDevice(stream.device);
  fill32(streamHandle(stream), Number(pointer), value * 0x01010101, byteLength / 4);
}

describe('views of frames in the memory of a GPU', options, () => {
  it('planes of NV12 are addresses with a pitch, the same distances on both sides', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.publisher('camera', { format: NV12, memory: 'cuda', stream });
    const sink = await runtime.subscriber('camera', { format: NV12 });
    const loan = publisher.tryLoan()!;
    const [luma, chroma] = loan.planes;
    assert.ok(luma !== undefined && chroma !== undefined);
    assert.deepEqual([loan.memory, luma.pointer], ['cuda:0', loan.pointer]);
    assert.equal(luma.pitchBytes % 64, 0);
    assert.ok(luma.pitchBytes >= 100);
    assert.deepEqual(
      [luma.byteLength, chroma.byteLength].map((bytes) => bytes % 64),
      [0, 0],
    );
    assert.equal(chroma.pointer - luma.pointer, BigInt(chroma.byteOffset));
    assert.ok(chroma.byteOffset >= luma.pitchBytes * 50);
    for (const attempt of [() => loan.bytes, () => luma.bytes, () => chroma.bytes]) {
      assert.throws(attempt, { code: 'DEVICE_MEMORY' });
    }
    fill(stream, luma.pointer, luma.byteLength, 16);
    fill(stream, chroma.pointer, chroma.byteLength, 128);
    loan.publish();
    assert.throws(() => loan.pointer, { code: 'CLOSED' });
    const frame = await sink.receive();
    const planes = frame.planes;
    assert.equal(planes[0]?.pointer, frame.pointer);
    assert.deepEqual(
      planes.map(({ name, pitchBytes, byteOffset, byteLength }) => ({
        ...{ name, pitchBytes, byteOffset, byteLength },
      })),
      [luma, chroma].map(({ name, pitchBytes, byteOffset, byteLength }) => ({
        ...{ name, pitchBytes, byteOffset, byteLength },
      })),
    );
    assert.equal(planes[1]!.pointer - planes[0]!.pointer, BigInt(chroma.byteOffset));
    assert.throws(() => planes[1]!.bytes, { code: 'DEVICE_MEMORY', message: /cuda:0/ });
    const copy = await frame.toHost();
    assert.ok(copy.planes[0]!.bytes.every((byte) => byte === 16));
    assert.ok(copy.planes[1]!.bytes.every((byte) => byte === 128));
    frame.release();
  });

  it('tensors know their address, their GPU and how DLPack calls it', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.publisher('both', { format: BOTH, memory: 'cuda', stream });
    const sink = await runtime.subscriber('both', { format: BOTH });
    const loan = publisher.tryLoan()!;
    fill(stream, loan.pointer, loan.byteLength, 1);
    assert.equal(loan.tensors.a.pointer, loan.pointer);
    loan.publish();
    const frame = await sink.receive();
    const { a, b } = frame.tensors;
    assert.equal(a.pointer, frame.pointer);
    assert.equal(b.pointer - a.pointer, 64n);
    assert.throws(() => a.data, { code: 'DEVICE_MEMORY' });
    const packed = b.asDLPack();
    assert.deepEqual(packed.device, [2, 0]);
    assert.deepEqual([packed.dtype, packed.shape], [{ code: 0, bits: 16, lanes: 1 }, [7]]);
    assert.ok('address' in packed.data);
    assert.equal(packed.data.address + BigInt(packed.byteOffset), b.pointer);
    const { tensors: copies } = await frame.toHost();
    assert.deepEqual(
      [...(copies.b.data as Int16Array)],
      Array.from({ length: 7 }, () => 257),
    );
    frame.release();
    assert.throws(() => a.pointer === 0n || frame.tensors, { code: 'CLOSED' });
  });

  it('what a publisher says of a frame travels with it', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ stream });
    const sink = await runtime.sink();
    const loan = publisher.tryLoan()!;
    const userData = Uint8Array.of(1, 2, 3);
    loan.publish({ keyFrame: true, userData, ptsNs: 77, captureTimeNs: 5, byteLength: 64 });
    const frame = await sink.receive();
    const { flags, ptsNs, captureTimeNs, byteLength } = frame;
    assert.deepEqual(
      [flags.keyFrame, flags.incomplete, [...frame.userData], ptsNs, captureTimeNs, byteLength],
      [true, false, [1, 2, 3], 77, 5, 64],
    );
    const copy = await frame.toHost();
    assert.ok(copy.bytes.byteLength >= 64);
    frame.release();
  });

  it('a stream of another kind, or none, is refused before anything is enqueued', async (t) => {
    const runtime = new GpuRuntime(t);
    const publisher = await runtime.source();
    const host = await runtime.source({ memory: 'host' }, 'host');
    const stream = await runtime.stream();
    const loan = publisher.tryLoan()!;
    assert.throws(() => loan.publish({ stream: 'none' as never }), TypeError);
    assert.throws(() => loan.publish({ deferred: true }), TypeError);
    assert.throws(() => host.tryLoan()!.publish({ stream }), TypeError);
    loan.publish({ stream });
    const sink = await runtime.sink({ stream: 0n });
    const frame = await sink.receive();
    assert.throws(() => frame.waitOn({} as never), TypeError);
    frame.release();
    const there = await runtime.sink({}, 'host');
    const plain = host.tryLoan()!;
    plain.publish();
    const frameOnHost = await there.receive();
    assert.equal(frameOnHost.pointer, 0n);
    assert.throws(() => frameOnHost.waitOn(stream), TypeError);
    frameOnHost.release();
  });
});
