/** camera: an input opened and decoded once, for any number of readers. */
export { Camera, openCamera } from './camera.js';
export type { CameraStats } from './camera-stats.js';
export type { CameraStatus } from './camera-status.js';
export type { CameraOptions } from './options.js';
