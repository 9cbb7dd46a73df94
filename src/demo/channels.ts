/** The channels of the demo and their formats. */
import { json, video } from '../format/index.js';
import type { Box } from './motion.js';

export const CAMERA_CHANNEL = 'demo/camera';
export const MOTION_CHANNEL = 'demo/motion';
export const CAMERA_FPS = 25;

export const cameraFormat = video({ width: 768, height: 576, pixelFormat: 'nv12' });

/** What the detector found in one frame. */
export interface Motion {
  /** Lineage id of the frame, as text: JSON has no 64-bit integers. */
  readonly frame: string;
  readonly sequence: number;
  readonly boxes: readonly Box[];
}

export const motionFormat = json<Motion>();
