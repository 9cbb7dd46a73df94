/** layout: where every byte of the shared memory and of the handshake stands. Pure: no I/O, no clock, no FFI. */
export * from './control-block.js';
export * from './geometry.js';
export * from './message-record.js';
export * from './message-slot.js';
export * from './reader-page.js';
export * from './slot-record.js';
