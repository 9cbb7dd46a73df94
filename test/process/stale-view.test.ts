import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Program } from './program.js';
import { Runtime } from './runtime.js';

for (const [setting, after] of [
  ['', [1, 2, 3, 4]],
  ['views', [0, 0, 0, 0]],
] as const) {
  it(`SLUICE_DEBUG='${setting}': a view kept past its release shows ${after.join(' ')}`, async (t) => {
    const { directory } = new Runtime(t);
    const env = { ...process.env, SLUICE_DEBUG: setting };
    const program = new Program('stale-view-program', { directory }, { env });
    assert.deepEqual(JSON.parse(await program.line()), { before: [1, 2, 3, 4], after });
    await program.ended;
  });
}
