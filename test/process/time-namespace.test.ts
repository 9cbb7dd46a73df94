import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { tensor } from '../../src/index.js';
import { Program } from './program.js';
import { Runtime } from './runtime.js';

/** Clocks of a container may be shifted: by more than a day here. */
const WRAPPER = ['unshare', '--time', '--monotonic', '100000', '--fork'] as const;
const SANE_MS = 60_000;

it('a subscriber in another time namespace sees times of its own clock', async (t) => {
  const [command, ...words] = WRAPPER;
  if (spawnSync(command, [...words, 'true']).status !== 0) {
    return t.skip('this user may not make a time namespace');
  }
  const runtime = new Runtime(t);
  const publisher = await runtime.publisher('clock', { format: tensor('u8', [64]) });
  const publishedMs = Date.now();
  publisher.send(new Uint8Array(64));
  const program = new Program(
    'clock-program',
    { channel: 'clock', directory: runtime.directory },
    { wrapper: WRAPPER },
  );
  const told = JSON.parse(await program.line()) as Record<string, number>;
  for (const key of ['captureAgeMs', 'publishAgeMs']) {
    assert.ok(told[key]! >= 0 && told[key]! < SANE_MS, `${key} ${told[key]}`);
  }
  assert.ok(told['latencyUs']! < SANE_MS * 1000, `latency ${told['latencyUs']} us`);
  assert.ok(Math.abs(told['captureUnixMs']! - publishedMs) < SANE_MS);
  await program.ended;
});
