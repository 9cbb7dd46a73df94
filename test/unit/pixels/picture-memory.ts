/** Pictures in plain memory, for the tests of conversions. */
import { video, videoPlanes, type VideoFormat } from '../../../src/format/index.js';
import { PictureConverter, type ConversionPlan } from '../../../src/pixels/index.js';

export interface PicturePlane {
  readonly bytes: Uint8Array;
  readonly pitchBytes: number;
}

export function emptyPicture(format: VideoFormat): PicturePlane[] {
  return videoPlanes(format).map(({ byteLength, pitchBytes }) => {
    return { bytes: new Uint8Array(byteLength), pitchBytes };
  });
}

/** A picture of rawvideo, whose rows have no padding. */
export function fromRaw(format: VideoFormat, raw: Uint8Array): PicturePlane[] {
  const picture = emptyPicture(format);
  let at = 0;
  videoPlanes(format).forEach(({ height, rowBytes, pitchBytes }, index) => {
    for (let y = 0; y < height; y++, at += rowBytes) {
      picture[index]!.bytes.set(raw.subarray(at, at + rowBytes), y * pitchBytes);
    }
  });
  return picture;
}

/** All samples of a picture in the order of rawvideo. */
export function samplesOf(format: VideoFormat, picture: readonly PicturePlane[]): number[] {
  return videoPlanes(format).flatMap(({ height, rowBytes, bytesPerSample }, index) => {
    const { bytes, pitchBytes } = picture[index]!;
    const rows = Array.from({ length: height }, (_, y) => {
      const row = bytes.slice(y * pitchBytes, y * pitchBytes + rowBytes);
      return bytesPerSample === 1 ? [...row] : [...new Uint16Array(row.buffer)];
    });
    return rows.flat();
  });
}

export function convert(
  plan: ConversionPlan,
  source: readonly PicturePlane[],
  target: VideoFormat,
): PicturePlane[] {
  const made = emptyPicture(target);
  new PictureConverter(plan).run(source, made);
  return made;
}

/** One sample a pixel, 8 bits. */
export function gray(width: number, height: number, values: readonly number[]) {
  const format = video({ width, height, pixelFormat: 'gray8' });
  return { format, picture: fromRaw(format, Uint8Array.from(values)) };
}
