import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runProgram } from '../ffi/run-program.js';
import { Bench } from './bench.js';

const program = new URL('./exit-program.js', import.meta.url);

describe('a process', { timeout: 30_000, concurrency: 2 }, () => {
  const ways = [
    ['close', 0, 'ends by itself once all is closed'],
    ['aborted', 0, 'ends by itself after an aborted wait'],
    ['exit', 3, 'exits in the middle of waits'],
    ['exit in a turn', 3, 'exits in the turn in which it published'],
    ['throw', 1, 'ends by an uncaught exception'],
  ] as const;
  for (const [way, code, what] of ways) {
    it(`${what}, and leaves no file behind`, async (t) => {
      const { directory } = new Bench(t);
      const result = await runProgram(program, [way, directory]);
      assert.deepEqual([result.code, result.signal], [code, null], result.stderr);
      if (way !== 'throw') assert.equal(result.stderr, '');
      assert.deepEqual(readdirSync(directory), []);
    });
  }
});
