/**
 * `listing-program DIRECTORY`: lists the channels as JSON, then says whether koffi was loaded for
 * it.
 */
import { readFileSync } from 'node:fs';
import { listChannels } from '../../../src/bus/directory/discovery.js';

const manifests = await listChannels('**', { directory: process.argv[2] ?? '' });
console.log(JSON.stringify(manifests.map(({ channel }) => channel)));
console.log(readFileSync('/proc/self/maps', 'latin1').includes('koffi') ? 'koffi' : 'no koffi');
