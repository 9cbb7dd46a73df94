import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KillRounds } from './kill-rounds.js';

const ROUNDS = 500;

describe('kill -9', { timeout: 280_000 }, () => {
  it(`of publishers and subscribers, ${ROUNDS} times: nothing torn, nothing stuck, nothing left`, async () => {
    const outcome = await new KillRounds().run(ROUNDS);
    const { publishersKilled, subscribersKilled, framesRead, messagesRead, ...rest } = outcome;
    assert.equal(publishersKilled + subscribersKilled, ROUNDS);
    assert.ok(publishersKilled >= ROUNDS / 4);
    assert.ok(framesRead > ROUNDS && messagesRead > ROUNDS, `${framesRead} ${messagesRead}`);
    const { framesPublished, ...leaks } = rest;
    assert.ok(framesPublished > ROUNDS);
    assert.deepEqual(leaks, {
      rounds: ROUNDS,
      framesDropped: 0,
      descriptorsLeaked: 0,
      mappingsLeaked: 0,
      filesLeft: [],
      slotsHeld: 0,
    });
  });
});
