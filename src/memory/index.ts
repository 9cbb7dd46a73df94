/** memory: where slots live. One interface, its implementations beside it. Imports core, ffi and gpu. */
export { cudaMemory } from './cuda.js';
export * from './domain.js';
export { systemFailure } from './failure.js';
export { hostMemory } from './host.js';
export * from './region.js';
export { assertEnforcedSeals, assertEnoughMemory } from './sealed-memory.js';
