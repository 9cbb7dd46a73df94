/** The kernel that draws marks and the processor make the same pictures, to the bit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PIXEL_FORMATS, video, videoPlanes, frameByteLength } from '../../../src/format/index.js';
import { addressOf } from '../../../src/ffi/index.js';
import { copyToDevice, copyToHost, DeviceBuffer, Stream } from '../../../src/gpu/index.js';
import { type Mark } from '../../../src/video/overlay/mark.js';
import { Overlay } from '../../../src/video/overlay/overlay.js';
import { options } from '../place.js';

/** Numbers that look random and are the same each time. */
class Numbers {
  #state = 1;

  below(end: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return (this.#state >>> 8) % end;
  }
}

/** Marks inside of a picture of 190 by 110; more than one launch takes. */
function marks(numbers: Numbers, count: number): Mark[] {
  return Array.from({ length: count }, (_, index) => {
    const [x, y] = [numbers.below(150), numbers.below(80)];
    const size = { width: 1 + numbers.below(190 - x), height: 1 + numbers.below(110 - y) };
    const scale = 1 + numbers.below(2);
    const letters = Array.from({ length: 1 + numbers.below(6) }, () => 0x20 + numbers.below(95));
    const place = { x: numbers.below(80), y: numbers.below(70) };
    const color = [numbers.below(256), numbers.below(256), numbers.below(256)] as const;
    return {
      outline: index % 5 === 0 ? undefined : { x, y, ...size, thickness: 1 + numbers.below(4) },
      label: index % 7 === 3 ? undefined : { ...place, scale, letters },
      ground: color,
      ink: index % 2 === 0 ? ([0, 0, 0] as const) : ([255, 255, 255] as const),
      opacity: 1 + numbers.below(256),
    };
  });
}

describe('marks drawn by a GPU', options, () => {
  for (const pixelFormat of PIXEL_FORMATS) {
    it(`are those of the processor in ${pixelFormat}`, async () => {
      const numbers = new Numbers();
      await using stream = await Stream.create({ device: 0 });
      for (const [width, height] of [
        [192, 112],
        [191, 111],
      ] as const) {
        const format = video({ width, height, pixelFormat });
        const before = Uint8Array.from({ length: frameByteLength(format) }, () =>
          numbers.below(256),
        );
        const drawn = marks(numbers, 60);
        const byProcessor = before.slice();
        const places = videoPlanes(format);
        const hostPlanes = places.map(({ byteOffset, pitchBytes }) => ({
          ...{ bytes: byProcessor.subarray(byteOffset), pitchBytes, pointer: 0n },
        }));
        new Overlay(format, undefined).draw(drawn, hostPlanes);

        using memory = DeviceBuffer.create(before.byteLength, { device: 0 });
        const handle = Number(stream.handle);
        const byGpu = new Uint8Array(before.byteLength);
        copyToDevice(handle, Number(memory.pointer), Number(addressOf(before)), before.byteLength);
        const planes = places.map(({ byteOffset, pitchBytes }) => ({
          ...{ bytes: new Uint8Array(), pitchBytes, pointer: memory.pointer + BigInt(byteOffset) },
        }));
        new Overlay(format, stream).draw(drawn, planes);
        copyToHost(handle, Number(addressOf(byGpu)), Number(memory.pointer), byGpu.byteLength);
        await stream.synchronize();
        assert.notDeepEqual(byProcessor, before);
        assert.deepEqual(byGpu, byProcessor, `${width}x${height}`);
      }
    });
  }
});
