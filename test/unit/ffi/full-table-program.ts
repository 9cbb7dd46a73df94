/** Helper of socket.test.ts: receives three descriptors where only one more fits. */
import assert from 'node:assert/strict';
import {
  SystemCallError,
  closeDescriptor,
  duplicateDescriptor,
  receiveBytes,
  sendBytes,
} from '../../../src/ffi/index.js';
import { socketPair } from './descriptors.js';

const { client, server } = socketPair();
sendBytes(server, Buffer.from([1]), 0, 1, [0, 0, 0]);
const fillers: number[] = [];
try {
  for (;;) fillers.push(duplicateDescriptor(0));
} catch (error) {
  assert.ok(error instanceof SystemCallError && error.code === 'EMFILE');
}
const free = fillers.pop()!;
closeDescriptor(free);
assert.throws(() => receiveBytes(client, Buffer.alloc(64)), { code: 'TOO_MANY_FILES' });
assert.equal(duplicateDescriptor(0), free, 'the one that was installed is closed again');
console.log('ok');
