/** inputs: pictures of several channels, and channels that are made of them while somebody reads. */
export { type DerivedOptions } from './derived-options.js';
