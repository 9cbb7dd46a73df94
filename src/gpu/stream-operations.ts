/**
 * What Sluice enqueues on streams. Streams are numbers here (CUstream; 0 is the default stream), addresses are those
 * of the device. The context of the stream's device must be current: `useDevice`.
 *
 * Nothing here waits, but for `streamSynchronize` and for copies from or into memory that is not registered.
 */
import {
  CUDA_CONSTANTS,
  CUDA_RESULTS,
  checkCuda,
  cudaDriver,
  cudaError,
  type DeviceRows,
  packCopy2d,
} from '../ffi/index.js';
import type { Event } from './event.js';

const { CU_STREAM_WAIT_VALUE_GEQ, CU_STREAM_WRITE_VALUE_DEFAULT } = CUDA_CONSTANTS;

/** Stores a 64-bit word once all earlier work of the stream is done and can be seen by everybody. */
export function enqueueWrite64(stream: number, address: number, value: number): void {
  const code = cudaDriver().cuStreamWriteValue64(
    stream,
    address,
    value,
    CU_STREAM_WRITE_VALUE_DEFAULT,
  );
  if (code !== 0) throw wordError(code, 'cuStreamWriteValue64', 'store', stream, address, value);
}

/** As {@link enqueueWrite64}, a 32-bit word. */
export function enqueueWrite32(stream: number, address: number, value: number): void {
  const code = cudaDriver().cuStreamWriteValue32(
    stream,
    address,
    value,
    CU_STREAM_WRITE_VALUE_DEFAULT,
  );
  if (code !== 0) throw wordError(code, 'cuStreamWriteValue32', 'store', stream, address, value);
}

/**
 * Later work of the stream starts once the 64-bit word is `value` or beyond it, compared as signed distance. Only a
 * store into the word frees the stream, so whoever enqueues it must be able to make that store.
 */
export function enqueueWait64(stream: number, address: number, value: number): void {
  const code = cudaDriver().cuStreamWaitValue64(stream, address, value, CU_STREAM_WAIT_VALUE_GEQ);
  if (code !== 0) throw wordError(code, 'cuStreamWaitValue64', 'wait for', stream, address, value);
}

function wordError(
  code: number,
  call: string,
  verb: string,
  stream: number,
  address: number,
  value: number,
): Error {
  const attempt = `${verb} ${value} at 0x${address.toString(16)} on ${streamName(stream)}`;
  return cudaError(code, call, attempt);
}

/** Later work of the stream starts once `event` is reached. */
export function enqueueWaitEvent(stream: number, event: Event): void {
  const code = cudaDriver().cuStreamWaitEvent(stream, Number(event.handle), 0);
  if (code !== 0)
    checkCuda(code, 'cuStreamWaitEvent', `wait for an event on ${streamName(stream)}`);
}

/** Blocks this thread, behind all work of the stream, when the host memory is not registered. */
export function copyToHost(
  stream: number,
  hostAddress: number,
  deviceAddress: number,
  byteLength: number,
): void {
  const code = cudaDriver().cuMemcpyDtoHAsync(hostAddress, deviceAddress, byteLength, stream);
  if (code !== 0) throw copyError(code, 'cuMemcpyDtoHAsync', stream, byteLength);
}

/** Blocks this thread, behind all work of the stream, when the host memory is not registered. */
export function copyToDevice(
  stream: number,
  deviceAddress: number,
  hostAddress: number,
  byteLength: number,
): void {
  const code = cudaDriver().cuMemcpyHtoDAsync(deviceAddress, hostAddress, byteLength, stream);
  if (code !== 0) throw copyError(code, 'cuMemcpyHtoDAsync', stream, byteLength);
}

/** Between two addresses that the device can reach, also those of another device. */
export function copyOnDevice(stream: number, to: number, from: number, byteLength: number): void {
  const code = cudaDriver().cuMemcpyDtoDAsync(to, from, byteLength, stream);
  if (code !== 0) throw copyError(code, 'cuMemcpyDtoDAsync', stream, byteLength);
}

/** `height` rows of `widthBytes`, between memory of the device and memory that it can reach. */
export function copyRows(
  stream: number,
  to: DeviceRows,
  from: DeviceRows,
  widthBytes: number,
  height: number,
): void {
  const copy = packCopy2d(from, to, widthBytes, height);
  const code = cudaDriver().cuMemcpy2DAsync(copy, stream);
  if (code !== 0) throw copyError(code, 'cuMemcpy2DAsync', stream, widthBytes * height);
}

function copyError(code: number, call: string, stream: number, byteLength: number): Error {
  return cudaError(code, call, `copy ${byteLength} bytes on ${streamName(stream)}`);
}

/** Fills `words` 32-bit words with `value`. */
export function fill32(stream: number, address: number, value: number, words: number): void {
  const code = cudaDriver().cuMemsetD32Async(address, value, words, stream);
  if (code !== 0) {
    throw cudaError(code, 'cuMemsetD32Async', `fill ${words} words on ${streamName(stream)}`);
  }
}

/** Whether all work of the stream is done. Throws `CUDA_ERROR` when it failed. */
export function streamIdle(stream: number): boolean {
  const code = cudaDriver().cuStreamQuery(stream);
  if (code === CUDA_RESULTS.CUDA_ERROR_NOT_READY) return false;
  if (code !== 0) checkCuda(code, 'cuStreamQuery', `look at ${streamName(stream)}`);
  return true;
}

/** Blocks this thread until all work of the stream is done: only where nothing that it waits for is up to us. */
export function streamSynchronize(stream: number): void {
  const code = cudaDriver().cuStreamSynchronize(stream);
  if (code !== 0) checkCuda(code, 'cuStreamSynchronize', `wait for ${streamName(stream)}`);
}

function streamName(stream: number): string {
  return stream === 0 ? 'the default stream' : `stream 0x${stream.toString(16)}`;
}
