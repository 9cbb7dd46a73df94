/** GPU memory for the conformance suite: what the processor cannot touch is filled, copied and stored into by the GPU. */
import { addressOf } from '../../src/ffi/index.js';
import {
  copyToHost,
  fill32,
  findDevice,
  loadKernel,
  onOwnStream,
  useDevice,
} from '../../src/gpu/index.js';
import { cudaMemory, type SlotMemory } from '../../src/memory/index.js';
import type { DomainUnderTest } from './memory-domain.js';
import { readFileSync } from 'node:fs';

const ptx = new URL('../../../kernels/integrity.ptx', import.meta.url);

export function makeDomain(): DomainUnderTest {
  const device = findDevice(undefined, 'test the memory of a GPU');
  useDevice(device);
  const addressIn = (memory: SlotMemory, slot: number): number => Number(memory.slotAddress(slot));
  return {
    domain: cudaMemory(device),
    fill(memory, slot, value) {
      const address = addressIn(memory, slot);
      const word = value * 0x01010101;
      onOwnStream(device, 'fill a slot', (stream) =>
        fill32(stream, address, word, memory.slotBytes / 4),
      );
    },
    read(memory, slot) {
      const address = addressIn(memory, slot);
      const bytes = new Uint8Array(memory.slotBytes);
      onOwnStream(device, 'read a slot', (stream) =>
        copyToHost(stream, Number(addressOf(bytes)), address, bytes.byteLength),
      );
      return bytes;
    },
    writeForbidden(memory, slot) {
      const kernel = loadKernel(readFileSync(ptx, 'utf8'), 'store32');
      const args = [memory.slotAddress(slot), { u32: 1 }];
      onOwnStream(device, 'store into an imported slot', (stream) =>
        kernel.launch({ grid: 1, block: 1, stream: BigInt(stream), args }),
      );
    },
  };
}
