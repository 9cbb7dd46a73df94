/** SIGKILL at random moments, again and again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KillRounds } from '../kill-rounds.js';
import { isSimulated, skip } from '../place.js';

/** On a GPU `npm run test:gpu` does 300; they take 80 s on an H200. */
const ROUNDS = Number(process.env['SLUICE_KILL_ROUNDS'] ?? (isSimulated ? 20 : 100));

describe('kill -9 with work of a GPU in flight', { skip, timeout: 240_000 }, () => {
  it(`${ROUNDS} times: nothing torn, nothing stuck, nothing left`, async (t) => {
    const { publishersKilled, subscribersKilled, framesChecked, framesKept, ...rest } =
      await new KillRounds().run(ROUNDS);
    assert.equal(publishersKilled + subscribersKilled, ROUNDS);
    assert.ok(publishersKilled >= ROUNDS / 3);
    assert.ok(framesChecked > ROUNDS && framesKept > 0, `${framesChecked} ${framesKept}`);
    const { framesLost, framesPublished, longestRecoveryMs, longestWaitMs, seconds, ...leaks } =
      rest;
    const figures = { framesChecked, framesKept, framesLost, framesPublished };
    t.diagnostic(JSON.stringify({ ...figures, longestRecoveryMs, longestWaitMs, seconds }));
    assert.deepEqual(leaks, {
      rounds: ROUNDS,
      tornWords: 0,
      descriptorsLeaked: 0,
      mappingsLeaked: 0,
      bytesLeaked: 0,
      slotsHeld: 0,
      filesLeft: [],
    });
  });
});
