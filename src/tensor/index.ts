/**
 * tensor: element types, shapes, strides and views over bytes that somebody else owns. Pure;
 * imports core only.
 */
export * from './device-bytes.js';
export * from './dlpack.js';
export * from './dtype.js';
export * from './half-floats.js';
export * from './problem.js';
export * from './shape.js';
export * from './variable-shapes.js';
export * from './view.js';
