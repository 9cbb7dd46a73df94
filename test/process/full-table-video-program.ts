/**
 * Runs under a low RLIMIT_NOFILE. Leaves from no to many descriptors free and starts what works by ffmpeg: each attempt
 * must go well or name its cause, leave no descriptor behind, and go on by itself once there are some, where it is a
 * camera's.
 */
import { type ByteTarget, PipeReader } from '../../src/ffi/index.js';
import { openPublisher, video } from '../../src/index.js';
import { type CameraStatus, openCamera, openEncoder } from '../../src/video.js';
import { type ChildOptions, FfmpegChild, readFailure } from '../../src/video/ffmpeg/index.js';
import { fillTable, leakedSince } from './descriptor-table.js';
import { given, tell } from './program.js';
import { openDescriptors } from './runtime.js';

const { directory, clip } = given<{ directory: string; clip: string }>();
/** Of what is tried, how many descriptors at most, and by how many more each time. */
const CHILD = { most: 18, step: 1 };
const CAMERA = { most: 32, step: 4 };
// The shortest pauses of a camera.
Math.random = () => 0;

const place = new Uint8Array(64);
const nowhere: ByteTarget = { waits: false, bytesToCome: 0, next: () => place, advance: () => {} };

/** An ffmpeg without a word of what to do ends by itself; a second one is stopped at once. */
async function runChild(free: number, second: ChildOptions['second']): Promise<string> {
  const release = fillTable(free);
  const options = { args: [], ...(second === undefined ? {} : { second }) };
  const [child, stopped] = [new FfmpegChild(options), new FfmpegChild(options)];
  const outputs = [child, stopped].flatMap((one) => [one.output, one.secondOutput]);
  const readers = outputs.map((output) => new PipeReader(output, nowhere));
  for (const { input, secondInput } of [child, stopped]) {
    input.end('nothing that it knows');
    secondInput?.end('either');
  }
  const stop = stopped.stop();
  const end = await child.ended;
  release();
  await Promise.all([
    stop,
    stopped.ended,
    ...readers.map((reader) => reader.ended.catch(() => undefined)),
  ]);
  const { error, isLasting } = readFailure('', end);
  if (end.error === undefined) return 'started';
  return isLasting ? `${error.code}, for good` : error.code;
}

/** The first thing that goes wrong is told, and from then on there is enough. */
async function runCamera(free: number, input: string): Promise<string> {
  const release = fillTable(free);
  let outcome = 'done';
  const onStatus = (status: CameraStatus): void => {
    if (status.type === 'lost' || status.type === 'decoder') {
      if (outcome === 'done') outcome = `${status.type}: ${status.error.code}`;
      release();
    }
  };
  const options = { input, directory, realtime: true, loop: !input.startsWith('lavfi:'), onStatus };
  const camera = await openCamera('camera', options).catch((error: unknown) => {
    release();
    throw error;
  });
  while (camera.stats().frames === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  release();
  const hasAll = camera.packets !== undefined && camera.audio !== undefined;
  if (!input.startsWith('lavfi:') && !hasAll) outcome = `without its channels after ${outcome}`;
  await camera.close();
  return outcome;
}

/** Opened while there is enough; then frames come while there is not, and when there is again. */
async function runEncoder(free: number): Promise<string> {
  const format = video({ width: 64, height: 48, pixelFormat: 'nv12' });
  await using source = await openPublisher('wall', { format, directory });
  await using encoder = await openEncoder('wall', 'wall', { directory });
  let end: string | undefined;
  void encoder.closed.then(({ error, reason }) => (end = error?.code ?? reason));
  const put = async (): Promise<void> => {
    const before = encoder.stats().frames;
    source.tryLoan()?.publish();
    while (encoder.stats().frames === before && end === undefined) await turn();
  };
  const release = fillTable(free);
  for (let frame = 0; frame < 6; frame += 1) await put();
  release();
  while (encoder.stats().packets === 0 && end === undefined) await put();
  return end ?? 'done';
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

async function each(
  { most, step }: typeof CAMERA,
  attempt: (free: number) => Promise<string>,
): Promise<string[]> {
  const outcomes: string[] = [];
  for (let free = 0; free <= most; free += step) {
    const before = openDescriptors();
    const outcome = await attempt(free).catch((error: unknown) => String(error));
    const leaked = await leakedSince(before);
    outcomes.push(leaked === 0 ? outcome : `${outcome}, leaks ${leaked} with ${free} free`);
  }
  return outcomes;
}

// What is opened once for the whole process.
await runCamera(CAMERA.most, clip);
await runEncoder(CAMERA.most);
const results: Record<string, string[]> = {};
for (const second of [undefined, 'input', 'output'] as const) {
  results[`child ${second}`] = await each(CHILD, (free) => runChild(free, second));
}
results['file'] = await each(CAMERA, (free) => runCamera(free, clip));
const generated = 'lavfi:testsrc2=size=64x48:rate=25';
results['encoder'] = await each(CAMERA, runEncoder);
results['raw'] = await each(CAMERA, (free) => runCamera(free, generated));
tell(JSON.stringify(results));
