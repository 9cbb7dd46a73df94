import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runTails } from './pty-tails.js';

it('reads every byte, where it was written, of programs that end at once', async () => {
  const { rounds, wrong } = await runTails(1000);
  assert.equal(rounds, 1000);
  assert.deepEqual(wrong, []);
});
