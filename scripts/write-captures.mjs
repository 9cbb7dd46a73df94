/**
 * Records the programs of test/process/captured-programs.ts into test/fuzz/terminal/captures: node scripts/write-captures.mjs [name…]
 * They run in namespaces of their own where that is permitted, so that nothing of this machine but its load is in them.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CastWriter } from '../dist/src/terminal/cast/index.js';
import { captureProgram, missing } from '../dist/test/process/capture-program.js';
import { CAPTURED_PROGRAMS } from '../dist/test/process/captured-programs.js';
import { root } from './command.mjs';

const ALONE = ['unshare', '--uts', '--pid', '--mount-proc', '--fork'];
const NAMED = ['sh', '-c', 'hostname machine; exec "$@"', 'sh'];
/** Between two events: when they came is nobody's business. */
const STEP_MS = 20;

const wrapper =
  spawnSync(ALONE[0], [...ALONE.slice(1), 'true']).status === 0 ? ALONE.concat(NAMED) : [];
const wanted = process.argv.slice(2);
for (const program of CAPTURED_PROGRAMS) {
  if (wanted.length > 0 && !wanted.includes(program.name)) continue;
  const absent = missing(program);
  if (absent !== undefined) {
    console.error(`${program.name}: there is no ${absent}`);
    process.exitCode = 1;
    continue;
  }
  const { columns, rows, events } = await captureProgram(program, wrapper);
  const writer = new CastWriter(0);
  let text = writer.header({ columns, rows, title: program.name });
  for (const [index, event] of events.entries()) {
    const timeMs = (index + 1) * STEP_MS;
    if (event.type === 'size') text += writer.size(event.columns, event.rows, timeMs);
    else text += writer.output(event.bytes, timeMs);
  }
  text += writer.finish(events.length * STEP_MS);
  writeFileSync(join(root, 'test/fuzz/terminal/captures', `${program.name}.cast`), text);
}
