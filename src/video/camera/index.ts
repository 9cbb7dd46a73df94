/** camera: an input opened and decoded once, for any number of readers. */
export { Camera, openCamera, type CameraStatus } from './camera.js';
export type { CameraStats } from './camera-stats.js';
export type { CameraOptions } from './options.js';
