import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runTails } from './pty-tails.js';

it('reads all that programs wrote which end at once', async () => {
  const { rounds, incomplete } = await runTails(330);
  assert.equal(rounds, 330);
  assert.deepEqual(incomplete, []);
});
