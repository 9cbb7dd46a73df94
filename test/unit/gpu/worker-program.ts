/** Helper of streams.test.ts: a worker that uses the GPU and leaves a stream behind. */
import assert from 'node:assert/strict';
import { DeviceBuffer, fill32, Stream, streamHandle } from '../../../src/gpu/index.js';

const stream = await Stream.create({ device: 1 });
const memory = DeviceBuffer.create(4096, { device: 1 });
fill32(streamHandle(stream), Number(memory.pointer), 1, 1024);
await stream.synchronize();
assert.equal(stream.idle, true);
