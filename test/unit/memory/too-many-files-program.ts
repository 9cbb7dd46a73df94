/** Helper of sealed-memory.test.ts: makes memory with no descriptor left, and with one again. */
import assert from 'node:assert/strict';
import { closeDescriptor, duplicateDescriptor } from '../../../src/ffi/index.js';
import { createReaderPage, createSealedRegion } from '../../../src/memory/index.js';

// Loads what needs descriptors itself.
createSealedRegion('first', 4096).close();
const fillers: number[] = [];
try {
  for (;;) fillers.push(duplicateDescriptor(0));
} catch {
  assert.ok(fillers.length > 10);
}
assert.throws(() => createReaderPage('page'), { code: 'TOO_MANY_FILES' });
// Large enough for the limits of memory to be read, which needs descriptors, too.
assert.throws(() => createSealedRegion('large', 2 ** 21), { code: 'TOO_MANY_FILES' });
closeDescriptor(fillers.pop()!);
createReaderPage('page').close();
createSealedRegion('large', 2 ** 21).close();
console.log('ok');
