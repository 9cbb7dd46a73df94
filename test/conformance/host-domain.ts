/** Host memory for the conformance suite: the processor reads and writes its slots through their views. */
import { hostMemory } from '../../src/memory/index.js';
import type { DomainUnderTest } from './memory-domain.js';

export function makeDomain(): DomainUnderTest {
  return {
    domain: hostMemory,
    fill: (memory, slot, value) => void memory.slotView(slot).fill(value),
    read: (memory, slot) => memory.slotView(slot).slice(),
    writeForbidden: (memory, slot) => void memory.slotView(slot).fill(0),
  };
}
