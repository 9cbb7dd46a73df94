/** snapshot: one picture of a channel as a PNG or JPEG. */
export { type PictureFileFormat } from './encode-picture.js';
export { type Snapshot, type SnapshotOptions, takeSnapshot } from './snapshot.js';
