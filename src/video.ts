/** sluice/video: cameras, packets and sound, and what programs that know nothing of Sluice read of them. */
export * from './video/index.js';
