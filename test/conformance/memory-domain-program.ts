/** Helper of memory-domain.ts: another process, with a pool's descriptor as 3: MODULE read|write SLOTS SLOT_BYTES. */
import { writeSync } from 'node:fs';
import type { DomainModule } from './memory-domain.js';

const [url = '', scenario = '', slots = '', slotBytes = ''] = process.argv.slice(2);
const { makeDomain } = (await import(url)) as DomainModule;
const { domain, read, writeForbidden } = makeDomain();
const memory = domain.importPool(3, { slots: Number(slots), slotBytes: Number(slotBytes) });
const values = new Set(read(memory, 3));
// Not console.log: what it has not flushed would die with this process.
writeSync(1, `slot 3 is ${[...values].join(', ')}\n`);
if (scenario === 'write') writeForbidden(memory, 3);
