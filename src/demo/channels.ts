/** The channels of the demo and their formats. */
import { video } from '../format/index.js';

export const CAMERA_CHANNEL = 'demo/camera';
/** Detections: what moves in the pictures of the camera. */
export const MOTION_CHANNEL = 'demo/motion';
export const CAMERA_FPS = 25;

export const cameraFormat = video({ width: 768, height: 576, pixelFormat: 'nv12' });
