/**
 * `claimant-program DIRECTORY CHANNEL ROUNDS`: claims and releases the channel again and again.
 * While it holds the lock it makes a marker file that must not exist; that it does means two owners
 * at once. Prints `ready`, starts at the first byte of its input, and prints the number of claims
 * won and of violations seen.
 */
import { once } from 'node:events';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tryClaim } from '../../../src/bus/directory/channel-lock.js';
import { resolveRuntimeDirectory } from '../../../src/bus/directory/runtime-directory.js';

const [path = '', channel = '', rounds = '0'] = process.argv.slice(2);
const directory = resolveRuntimeDirectory(path);
const marker = join(path, 'owner-marker');

console.log('ready');
await once(process.stdin, 'data');
let won = 0;
let violations = 0;
for (let round = 0; round < Number(rounds); round++) {
  const lock = tryClaim(directory, channel);
  if (lock === undefined) continue;
  won += 1;
  try {
    closeSync(openSync(marker, 'wx'));
    unlinkSync(marker);
  } catch {
    violations += 1;
  }
  lock.release();
}
console.log(JSON.stringify({ won, violations }));
process.stdin.destroy();
