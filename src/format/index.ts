/**
 * format: what a channel carries, where it lies in memory, and how it reads as JSON and text. Pure;
 * above tensor.
 */
export * from './color.js';
export * from './describe.js';
export * from './format-types.js';
export * from './formats.js';
export * from './frame-tensors.js';
export * from './geometry.js';
export * from './match.js';
export * from './message-codec.js';
export * from './parse.js';
export * from './raw-video.js';
