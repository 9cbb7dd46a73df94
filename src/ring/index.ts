/** ring: the frame pool and the message rings, writer and reader each, over any mapped memory. Pure. */
export * from './bytes-reader.js';
export * from './bytes-writer.js';
export * from './doorbell.js';
export * from './fence-reader.js';
export * from './fence-verdicts.js';
export * from './fence-writer.js';
export * from './pool-reader.js';
export * from './pool-writer.js';
export * from './reader-roster.js';
export * from './ring-reader.js';
export * from './ring-writer.js';
export * from './share.js';
export * from './slots-reader.js';
export * from './slots-writer.js';
export * from './worker-ring.js';
