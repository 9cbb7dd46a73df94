/** A second, smaller stream of the same camera: a camera of its own beside the main one, so that neither waits for the other. */
import type { CameraOptions } from './options.js';

/** The channel of the frames of the sub-stream; its packets go beside it. */
export function subStreamChannel(channel: string): string {
  return `${channel}/sub`;
}

/** As the main stream is opened, but for its input. Sound it has from the main one. */
export function subStreamOptions(main: CameraOptions, input: SubStreamInput): CameraOptions {
  const { secrets: _ofMain, ...shared } = main;
  return { ...shared, ...input, audio: 'none' };
}

export type SubStreamInput = Pick<CameraOptions, 'input' | 'secrets'>;
