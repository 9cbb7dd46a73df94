/**
 * Frames that stay on the GPU: a camera process draws pictures with a kernel, a filter process inverts them, and this
 * one looks at every pixel of the result. Starts both, says what they did, and ends. Needs an NVIDIA GPU and NVRTC.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setInterval } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openPublisher, openSubscriber, video } from 'sluice';
import { compileKernel, Stream } from 'sluice/cuda';

const WIDTH = 1920;
const HEIGHT = 1080;
const FRAMES = 50;
const FRAME_NS = 20e6;

/** Both kernels run a thread a pixel. */
const BLOCK = [16, 16];
const GRID = [Math.ceil(WIDTH / 16), Math.ceil(HEIGHT / 16)];

const SOURCE = `
#define AT(pitch) \\
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y; \\
  if (x >= width || y >= height) return; \\
  const size_t at = (size_t)y * (pitch) + x;

__global__ void draw(unsigned char *to, int pitch, int width, int height, int frame) {
  AT(pitch)
  to[at] = x + y + frame;
}

__global__ void invert(const unsigned char *from, unsigned char *to, int pitch, int width, int height) {
  AT(pitch)
  to[at] = 255 - from[at];
}
`;

async function runCamera(stop: AbortSignal): Promise<void> {
  await using stream = await Stream.create();
  using draw = await compileKernel(SOURCE, 'draw');
  await using camera = await openPublisher('gpu/camera', {
    format: video({ width: WIDTH, height: HEIGHT, pixelFormat: 'gray8' }),
    memory: 'cuda',
  });
  for await (const _ of setInterval(FRAME_NS / 1e6)) {
    if (stop.aborted) break;
    const frame = camera.tryLoan();
    if (frame === undefined) continue; // readers hold every slot
    const { pointer, pitchBytes, width, height } = frame.planes[0]!;
    const number = camera.stats().published;
    const args = [pointer, pitchBytes, width, height, number];
    draw.launch({ grid: GRID, block: BLOCK, stream, args });
    // Nothing waits for the kernel: the frame is complete behind it, wherever it is read.
    frame.publish({ stream, ptsNs: number * FRAME_NS });
  }
}

async function runFilter(stop: AbortSignal): Promise<void> {
  await using stream = await Stream.create();
  // Compiled before subscribing: loading code waits for every stream of the process.
  using invert = await compileKernel(SOURCE, 'invert');
  await using output = await openPublisher('gpu/inverted', {
    format: video({ width: WIDTH, height: HEIGHT, pixelFormat: 'gray8' }),
    memory: 'cuda',
  });
  await using input = await openSubscriber('gpu/camera', {
    format: video({ width: WIDTH, height: HEIGHT, pixelFormat: 'gray8' }),
    stream,
    signal: stop,
  });
  for await (const frame of input) {
    using result = output.tryLoan();
    if (result === undefined) continue;
    const from = frame.planes[0]!;
    const to = result.planes[0]!;
    const args = [from.pointer, to.pointer, to.pitchBytes, to.width, to.height];
    invert.launch({ grid: GRID, block: BLOCK, stream, args });
    result.publish({ stream, source: frame }); // its times, its id, and whether it was lost
  }
  const { received, bytesCopied } = input.stats();
  console.log(`the filter read ${received} pictures in place and copied ${bytesCopied} bytes`);
}

/** A reader on the processor: the filter's process copies each picture to host memory for it. */
async function watch(): Promise<void> {
  await using view = await openSubscriber('gpu/inverted', { format: video(), copyTo: 'host' });
  let wrong = 0;
  for await (const frame of view) {
    const plane = frame.planes[0]!;
    const number = frame.ptsNs / FRAME_NS;
    for (let y = 0; y < plane.height; y++) {
      const row = plane.bytes.subarray(y * plane.pitchBytes, y * plane.pitchBytes + plane.width);
      for (let x = 0; x < row.length; x++) {
        if (row[x] !== 255 - ((x + y + number) & 255)) wrong += 1;
      }
    }
    if (view.stats().received === FRAMES) break;
  }
  const { received, bytesCopied } = view.stats();
  console.log(`${received} pictures looked at, ${wrong} pixels wrong, ${bytesCopied} bytes copied`);
}

const role = process.argv[2];
if (role === undefined) {
  const children = ['camera', 'filter'].map((name) => fork(fileURLToPath(import.meta.url), [name]));
  const ends = children.map((child) => once(child, 'exit') as Promise<[number | null]>);
  // A process that fails has said why; nobody would come after it.
  for (const end of ends) void end.then(([code]) => code !== 0 && process.exit(1));
  await watch();
  for (const child of children) child.disconnect();
  await Promise.all(ends);
} else {
  const stop = new AbortController();
  // Also when this process's parent dies.
  process.once('disconnect', () => stop.abort());
  await (role === 'camera' ? runCamera(stop.signal) : runFilter(stop.signal));
}
