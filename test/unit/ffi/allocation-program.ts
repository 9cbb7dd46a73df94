/** Helper of socket.test.ts: prints the bytes of JavaScript heap that a call takes. */
import { pollDescriptors, receiveBytesOnly, sendBytes } from '../../../src/ffi/index.js';
import { socketPair } from './descriptors.js';

const CALLS = 50_000;

/** The least of a few measurements: compilers of the engine use the same heap when they come to it. */
function bytesPerCall(call: () => void): number {
  return Math.min(...Array.from({ length: 3 }, () => measuredBytesPerCall(call)));
}

function measuredBytesPerCall(call: () => void): number {
  for (let round = 0; round < CALLS; round += 1) call();
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < CALLS; round += 1) call();
  return (process.memoryUsage().heapUsed - before) / CALLS;
}

const { client, server } = socketPair();
const wake = Buffer.alloc(16);
const into = Buffer.alloc(64);
const fds = [client, server];
console.log(
  JSON.stringify({
    sendAndReceive: bytesPerCall(() => {
      sendBytes(client, wake, 0, 16);
      receiveBytesOnly(server, into);
    }),
    pollDescriptors: bytesPerCall(() => {
      pollDescriptors(fds, 0);
    }),
  }),
);
