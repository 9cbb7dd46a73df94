import assert from 'node:assert/strict';
import { it } from 'node:test';
import { text } from '../../../src/index.js';
import { Bench } from './bench.js';

it('a message subscriber that comes back misses nothing that the new publisher sent before', async (t) => {
  const bench = new Bench(t);
  const first = await bench.publisher('words', { format: text() });
  const subscriber = await bench.subscriber('words', { format: text(), start: 'newest' });
  first.trySend('one');
  assert.equal((await subscriber.receive()).value, 'one');
  await first.close();

  const second = await bench.publisher('words', { format: text() });
  // Sent before the subscriber can have noticed: it reconnects by the event loop, which has had no turn.
  second.trySend('two');
  second.trySend('three');
  assert.equal((await subscriber.receive()).value, 'two');
  assert.equal((await subscriber.receive()).value, 'three');
  assert.equal(subscriber.stats().lost, 0);
});
