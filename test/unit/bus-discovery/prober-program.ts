/**
 * `prober-program DIRECTORY CHANNEL`: says whether the channel is claimed, `claimed` or `free`, and
 * then asks without pause until it is killed.
 */
import { isClaimed } from '../../../src/bus/directory/channel-lock.js';
import { resolveRuntimeDirectory } from '../../../src/bus/directory/runtime-directory.js';

const [path = '', channel = ''] = process.argv.slice(2);
const directory = resolveRuntimeDirectory(path);
console.log(isClaimed(directory, channel) ? 'claimed' : 'free');
for (let round = 0; round < 10_000_000; round++) isClaimed(directory, channel);
