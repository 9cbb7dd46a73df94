import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { bytes, openPublisher, openSubscriber } from '../../../src/index.js';

const directory = mkdtempSync(join(tmpdir(), 'sluice-doorbell-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** What is in a socket's buffer now has been read after these. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

it('a WAKE that comes while nobody waits does not silence the next wait', async () => {
  const channel = 'doorbell/forgotten';
  const publisher = await openPublisher(channel, {
    format: bytes(),
    layout: 'slots',
    slots: 8,
    patienceMs: Infinity,
    directory,
  });
  const subscriber = await openSubscriber(channel, { format: bytes(), directory });
  const message = Uint8Array.of(1);
  const fill = (): void => {
    while (publisher.trySend(message)) assert.ok(publisher.stats().published < 100);
  };
  const drain = (): number => subscriber.drain(() => undefined);

  fill();
  const impatient = new AbortController();
  const given = publisher.send(message, { signal: impatient.signal });
  impatient.abort(new Error('given up'));
  await assert.rejects(given, /given up/);
  assert.ok(drain() > 0, 'the reader lets go, and rings a publisher that no longer waits');
  await someTurns();

  fill();
  const waits = publisher.send(message);
  await someTurns();
  assert.ok(drain() > 0);
  await waits;

  await subscriber.close();
  await publisher.close();
});
