import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Allocation, Course } from './allocation-program.js';

const program = fileURLToPath(new URL('allocation-program.js', import.meta.url));

/** Bytes a message. What there is: a view a copied burst, and views of a long message that crosses the end. */
function limitOf({ layout, start, byteLength, burst }: Course): number {
  const shared = byteLength > 240 ? 8 : burst > 1 ? 2 : 1;
  // A sequence beyond 2^31 is handed to a visitor that V8 does not inline as an object of 16 bytes.
  return layout === 'slots' && start > 2 ** 30 ? shared + 16 : shared;
}

describe('message rings', () => {
  it('make no object a message, also at positions beyond 2^31', { timeout: 120_000 }, () => {
    const output = execFileSync(
      process.execPath,
      ['--expose-gc', '--max-semi-space-size=64', '--min-semi-space-size=64', program],
      { encoding: 'utf8' },
    );
    for (const { name, bytesPerMessage } of JSON.parse(output) as Allocation[]) {
      const limit = limitOf(JSON.parse(name) as Course);
      assert.ok(bytesPerMessage < limit, `${name}: ${bytesPerMessage.toFixed(2)} bytes a message`);
    }
  });
});
