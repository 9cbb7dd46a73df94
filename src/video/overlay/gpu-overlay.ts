/**
 * Marks drawn by the kernel of kernels/overlay.cu: the structures of kernels/overlay-layout.h.
 *
 * ```text
 * Overlay          3288   components[3] 32 each · marks[24] 132 each · componentCount markCount x y width height
 * OverlayComponent   32   samples u64 · pitch step bytesPerSample shift halves reserved
 * OverlayMark       132   x y width height thickness labelX labelY scale length opacity · ground[3] ink[3] · letters[68]
 * ```
 *
 * All of it are parameters of the launch, copied when it is enqueued: nothing has to live until the GPU is through. More
 * marks than fit take several launches, in their order.
 */
import type { Stream } from '../../gpu/index.js';
import type { DevicePlane } from '../conversion/gpu-conversion.js';
import { overlayKernel } from '../conversion/shipped-kernel.js';
import { labelSize, type Mark, type OverlayTarget } from './mark.js';

export const OVERLAY_BYTES = 3288;
const COMPONENT_BYTES = 32;
const MARKS_OFFSET = 3 * COMPONENT_BYTES;
const MARK_BYTES = 132;
const MARKS = 24;
const NUMBERS_OFFSET = MARKS_OFFSET + MARKS * MARK_BYTES;
const GROUND_OFFSET = 40;
const INK_OFFSET = GROUND_OFFSET + 3 * 4;
const LETTERS_OFFSET = INK_OFFSET + 3 * 4;
const BLOCK = [32, 8] as const;

/** Enqueues the marks over the picture in `planes`. Throws `CUDA_ERROR`. */
export function drawOnGpu(
  marks: readonly Mark[],
  target: OverlayTarget,
  planes: readonly DevicePlane[],
  stream: Stream,
): void {
  const kernel = overlayKernel(stream.device);
  const bytes = new Uint8Array(OVERLAY_BYTES);
  const view = new DataView(bytes.buffer);
  packComponents(view, target, planes);
  for (let first = 0; first < marks.length; first += MARKS) {
    const some = marks.slice(first, first + MARKS);
    some.forEach((mark, index) => packMark(view, MARKS_OFFSET + index * MARK_BYTES, mark, target));
    const { x, y, right, bottom } = around(some);
    const numbers = [target.components.length, some.length, x, y, right - x, bottom - y];
    numbers.forEach((number, index) => view.setUint32(NUMBERS_OFFSET + index * 4, number, true));
    const [columns, rows] = BLOCK;
    const across = Math.ceil((right - x) / columns);
    const down = Math.ceil((bottom - y) / rows);
    const grid = [across, down, target.components.length] as const;
    kernel.launch({ grid, block: BLOCK, stream, args: [{ bytes }] });
  }
}

function packComponents(
  view: DataView,
  { components }: OverlayTarget,
  planes: readonly DevicePlane[],
): void {
  components.forEach(({ plane, offset, step, bytesPerSample, shift, halves }, index) => {
    const at = index * COMPONENT_BYTES;
    const { pointer, pitchBytes } = planes[plane]!;
    view.setBigUint64(at, pointer + BigInt(offset * bytesPerSample), true);
    [pitchBytes, step * bytesPerSample, bytesPerSample, shift, halves].forEach((number, word) =>
      view.setUint32(at + 8 + word * 4, number, true),
    );
  });
}

function packMark(view: DataView, at: number, mark: Mark, target: OverlayTarget): void {
  const { outline, label, ground, opacity } = mark;
  const numbers = [outline?.x, outline?.y, outline?.width, outline?.height, outline?.thickness];
  numbers.push(label?.x, label?.y, label?.scale, label?.letters.length, opacity);
  numbers.forEach((number, index) => view.setInt32(at + index * 4, number ?? 0, true));
  target.samplesOf(ground).forEach((sample, component) => {
    view.setUint32(at + GROUND_OFFSET + component * 4, sample, true);
  });
  target.inkOf(mark).forEach((sample, component) => {
    view.setUint32(at + INK_OFFSET + component * 4, sample, true);
  });
  label?.letters.forEach((code, index) => view.setUint8(at + LETTERS_OFFSET + index, code));
}

/** The rectangle around marks, from even pixels on. */
function around(marks: readonly Mark[]) {
  const areas = marks.flatMap(({ outline, label }) => [
    ...(outline === undefined ? [] : [outline]),
    ...(label === undefined ? [] : [{ ...label, ...labelSize(label) }]),
  ]);
  return {
    x: Math.min(...areas.map(({ x }) => x & ~1)),
    y: Math.min(...areas.map(({ y }) => y & ~1)),
    right: Math.max(...areas.map(({ x, width }) => x + width)),
    bottom: Math.max(...areas.map(({ y, height }) => y + height)),
  };
}
