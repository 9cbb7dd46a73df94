/** The kernel of conversions and the processor make the same pictures and tensors, to the bit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressOf } from '../../../src/ffi/index.js';
import { copyToDevice, copyToHost, DeviceBuffer, findDevice } from '../../../src/gpu/index.js';
import { type GpuDevice, onOwnStream } from '../../../src/gpu/index.js';
import {
  frameByteLength,
  video,
  videoPlanes,
  type VideoFormat,
} from '../../../src/format/index.js';
import {
  type ConversionPlan,
  PictureConverter,
  planPicture,
  planTensor,
  type TensorTarget,
} from '../../../src/pixels/index.js';
import { GpuConversion } from '../../../src/video/conversion/gpu-conversion.js';
import { options } from '../place.js';

const FORMATS = [
  'nv12',
  'p010',
  'i420',
  'rgb24',
  'bgr24',
  'rgba',
  'bgra',
  'gray8',
  'gray16',
] as const;

function noise(byteLength: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let state = seed;
  for (let i = 0; i < byteLength; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function picture(format: VideoFormat, bytes: Uint8Array) {
  return videoPlanes(format).map((plane) => ({
    ...plane,
    bytes: bytes.subarray(plane.byteOffset, plane.byteOffset + plane.byteLength),
  }));
}

interface Target {
  readonly byteLength: number;
  readonly planes: readonly { readonly byteOffset: number; readonly pitchBytes: number }[];
}

/** The target's bytes as both make them, over the same rubbish. */
function both(plan: ConversionPlan, source: Uint8Array, target: Target, device: GpuDevice) {
  const before = noise(target.byteLength, 7);
  const byProcessor = before.slice();
  const planes = target.planes.map(({ byteOffset, pitchBytes }) => {
    return { bytes: byProcessor.subarray(byteOffset), pitchBytes };
  });
  new PictureConverter(plan).run(picture(plan.source, source), planes);

  using conversion = new GpuConversion(plan, device);
  using from = DeviceBuffer.create(source.byteLength, { device: device.index });
  using to = DeviceBuffer.create(target.byteLength, { device: device.index });
  const byGpu = new Uint8Array(target.byteLength);
  const hostAddress = (bytes: Uint8Array): number => Number(addressOf(bytes));
  onOwnStream(device, 'convert', (stream) => {
    copyToDevice(stream, Number(from.pointer), hostAddress(source), source.byteLength);
    copyToDevice(stream, Number(to.pointer), hostAddress(before), before.byteLength);
    const at = (buffer: DeviceBuffer, places: Target['planes']) =>
      places.map(({ byteOffset, pitchBytes }) => {
        return { pointer: buffer.pointer + BigInt(byteOffset), pitchBytes };
      });
    const handle = BigInt(stream);
    conversion.run(at(from, videoPlanes(plan.source)), at(to, target.planes), handle);
    copyToHost(stream, hostAddress(byGpu), Number(to.pointer), byGpu.byteLength);
  });
  return { byProcessor, byGpu, before };
}

describe('conversions on a GPU', options, () => {
  for (const from of FORMATS) {
    it(`make of ${from} what the processor makes of it`, () => {
      const device = findDevice(0, 'convert');
      for (const to of FORMATS) {
        for (const [width, height] of [
          [46, 34],
          [61, 47],
          [15, 9],
          [11, 8],
        ] as const) {
          const [sourceWidth, sourceHeight] =
            width === 61 ? [45, 33] : width === 11 ? [44, 32] : [46, 34];
          const source = video({ width: sourceWidth, height: sourceHeight, pixelFormat: from });
          const target = video({ width, height, pixelFormat: to });
          const gain = to === 'bgra' ? 0.5 : 1;
          const plan = planPicture(source, target, {
            gain,
            ...(width === 11 ? { filter: 'bilinear' } : {}),
          });
          const made = both(
            plan,
            noise(frameByteLength(source), 3),
            { byteLength: frameByteLength(target), planes: videoPlanes(target) },
            device,
          );
          assert.notDeepEqual(made.byProcessor, made.before);
          assert.deepEqual(made.byGpu, made.byProcessor, `${from} to ${to} ${width}x${height}`);
        }
      }
    });
  }

  it('make the tensors of detectors', () => {
    const device = findDevice(0, 'convert');
    const source = video({ width: 64, height: 36, pixelFormat: 'nv12' });
    const normal = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const common = { width: 32, height: 32 } as const;
    const targets: readonly TensorTarget[] = [
      { ...common, colors: 'rgb', layout: 'chw', dtype: 'u8' },
      { ...common, colors: 'bgr', layout: 'hwc', dtype: 'f16', ...normal },
      { ...common, colors: 'rgb', layout: 'chw', dtype: 'f32', ...normal },
      { ...common, colors: 'gray', layout: 'chw', dtype: 'bf16' },
    ];
    for (const target of targets) {
      const size = { u8: 1, f16: 2, bf16: 2, f32: 4 }[target.dtype];
      const channels = target.colors === 'gray' ? 1 : 3;
      const pitchBytes = 32 * size * (target.layout === 'hwc' ? channels : 1);
      const byteLength = 32 * 32 * channels * size;
      const plan = planTensor(source, target);
      const from = noise(frameByteLength(source), 5);
      const planes = [{ byteOffset: 0, pitchBytes }];
      const { byGpu, byProcessor } = both(plan, from, { byteLength, planes }, device);
      assert.deepEqual(byGpu, byProcessor, JSON.stringify(target));
    }
  });

  it('leave what is outside of their region as it was', () => {
    const device = findDevice(0, 'convert');
    const source = video({ width: 40, height: 30, pixelFormat: 'bgr24' });
    const target = video({ width: 64, height: 48, pixelFormat: 'nv12' });
    const region = { x: 16, y: 10, width: 32, height: 20 };
    const plan = planPicture(source, target, {}, region);
    const made = both(
      plan,
      noise(frameByteLength(source), 9),
      { byteLength: frameByteLength(target), planes: videoPlanes(target) },
      device,
    );
    assert.deepEqual(made.byGpu, made.byProcessor);
    const { pitchBytes } = videoPlanes(target)[0]!;
    for (let y = 0; y < 48; y++) {
      for (let x = 0; x < 64; x++) {
        const isOutside = x < 16 || x >= 48 || y < 10 || y >= 30;
        const at = y * pitchBytes + x;
        if (isOutside) assert.equal(made.byGpu[at], made.before[at], `${x},${y}`);
      }
    }
  });
});
