/** core: errors, names and small pure helpers. No I/O, no clock, imports nothing. */
export * from './arguments.js';
export * from './channel-name.js';
export * from './errors.js';
export * from './integers.js';
export * from './printable.js';
export * from './readonly-array.js';
