/** Helper of memory-domain.ts: another process, with a pool's descriptor as 3: MODULE read|write SLOTS SLOT_BYTES DATA_BYTES. */
import { writeSync } from 'node:fs';
import type { DomainModule } from './memory-domain.js';

const [url = '', scenario = '', ...sizes] = process.argv.slice(2);
const [slots = 0, slotBytes = 0, dataBytes] = sizes.map(Number);
const { makeDomain } = (await import(url)) as DomainModule;
const { domain, read, writeForbidden } = makeDomain();
const memory = domain.importPool(3, { slots, slotBytes, dataBytes });
const values = new Set(read(memory, 3));
// Not console.log: what it has not flushed would die with this process.
writeSync(1, `slot 3 is ${[...values].join(', ')}\n`);
if (scenario === 'write') writeForbidden(memory, 3);
