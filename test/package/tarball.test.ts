import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { simulatedCuda, simulatedEnvironment } from '../cuda-simulator/simulator.js';
import { Installation, repositoryRoot, runProgram } from './tarball.js';

const MAX_TARBALL_BYTES = 1.25 * 2 ** 20;
const MAX_UNPACKED_BYTES = 4 << 20;

/** What a user of plain JavaScript writes: a message from a publisher to a subscriber, and an error by its code. */
const JAVASCRIPT_USER = `
import { isSluiceError, openPublisher, openSubscriber, text } from 'sluice';

const directory = process.argv[2];
const publisher = await openPublisher('package/test', { format: text(), directory });
const subscriber = await openSubscriber('package/test', { format: text(), directory });
await publisher.send('hello from the tarball');
const message = await subscriber.receive();
await subscriber.close();
await publisher.close();
const missing = await openSubscriber('package/test', {
  format: text(), directory, whenMissing: 'fail',
}).catch((error) => error);
console.log(JSON.stringify({ value: message.value, code: isSluiceError(missing) && missing.code }));
`;

/** What a user of TypeScript writes; checked, not run. The last statement must be an error. */
const TYPESCRIPT_USER = `
import { isSluiceError, openPublisher, openSubscriber, tensor, text, video } from 'sluice';
import { compileKernel, type GpuDevice, GpuProducer, type Kernel, listDevices, Stream } from 'sluice/cuda';

export async function useMessages(signal: AbortSignal): Promise<string> {
  const publisher = await openPublisher('agent/log', { format: text(), whenFull: 'wait', signal });
  const subscriber = await openSubscriber('agent/log', { format: text(), delivery: 'every' });
  await publisher.send('text');
  for await (const message of subscriber) {
    const value: string = message.value;
    const sequence: number = message.sequence;
    if (sequence > 0) return value;
  }
  return '';
}

export async function useFrames(): Promise<number> {
  const format = video({ width: 640, height: 360, pixelFormat: 'nv12' });
  const publisher = await openPublisher('camera/door', { format, slots: 4 });
  const loan = publisher.tryLoan();
  const published: number | undefined = loan?.publish({ ptsNs: 0 });
  const subscriber = await openSubscriber('camera/door', { format: video() });
  const frame = await subscriber.receive();
  const pitchBytes: number | undefined = frame.planes[0]?.pitchBytes;
  frame.release();
  await publisher.close();
  return (published ?? 0) + (pitchBytes ?? 0);
}

export async function useTensors(): Promise<number> {
  const subscriber = await openSubscriber('model/out', { format: tensor('f32', [64, 32000]) });
  const frame = await subscriber.receive();
  const shape: readonly number[] = frame.tensors.data.shape;
  return shape.length;
}

export async function useGpu(source: string): Promise<bigint> {
  await using stream = await Stream.create({ device: 0 });
  const device: GpuDevice = stream.device;
  const kernel: Kernel = await compileKernel(source, 'blur', { device: device.index });
  const subscriber = await openSubscriber('camera/door', { format: video(), stream });
  const publisher = await openPublisher('camera/blur', {
    format: video({ width: 640, height: 360, pixelFormat: 'nv12' }),
    memory: 'cuda:0',
    stream: 0n,
  });
  for await (const frame of subscriber) {
    using loan = await publisher.loan();
    const pointer: bigint | undefined = frame.planes[0]?.pointer;
    kernel.launch({ grid: [1, 1], block: 256, stream, args: [pointer ?? 0n, loan.pointer, { f32: 1 }] });
    loan.publish({ stream, source: frame });
    frame.waitOn(stream);
    return frame.pointer;
  }
  const messages = await openPublisher('agent/log', { format: text(), layout: 'slots' });
  const producer = await GpuProducer.open(messages, { styles: { 1: { prefix: '> ' } } });
  await producer.processBatch({ pointer: producer.arena.pointer, count: 1, maxBytes: 64 });
  return BigInt(listDevices()[0]?.memoryBytes ?? 0);
}

export function useErrors(error: unknown): string {
  return isSluiceError(error, 'CHANNEL_IN_USE') ? error.remedy : '';
}

// @ts-expect-error: the unit of a channel's name is a string
await openPublisher(7, { format: text() });
`;

/** The libraries of CUDA that are mapped into this process, before and after it asks for a GPU. */
const GPU_USER = `
import { readFileSync } from 'node:fs';
import { openPublisher, openSubscriber, text } from 'sluice';

const mapped = () => /\\/lib(?:cuda|nvrtc)[^/\\n]*$/m.test(readFileSync('/proc/self/maps', 'utf8'));
const directory = process.argv[2];
const publisher = await openPublisher('package/gpu', { format: text(), layout: 'slots', directory });
const subscriber = await openSubscriber('package/gpu', { format: text(), directory });
const before = mapped();
const { GpuProducer, listDevices } = await import('sluice/cuda');
const imported = mapped();
const devices = listDevices().length;
const producer = await GpuProducer.open(publisher);
const { count } = await producer.processBatch([{ offset: 0, byteLength: 0 }, { offset: 0, byteLength: 0 }]);
const { sequence } = await subscriber.receive();
await subscriber.close();
await publisher.close();
console.log(JSON.stringify({ before, imported, after: mapped(), devices, count, sequence }));
`;

const TYPESCRIPT_CONFIG = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2022', 'ESNext.Disposable'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    // The declarations are what is being checked.
    skipLibCheck: false,
    types: ['node'],
  },
  files: ['user.ts'],
};

describe('the packed tarball', () => {
  let installed: Installation;
  before(() => {
    installed = new Installation();
  });
  after(() => {
    installed.close();
  });

  it('holds the program, its declarations, kernels, licence and README, and nothing else', () => {
    const paths = installed.report.files.map((file) => file.path);
    const wanted =
      /^(?:dist\/src\/.*\.(?:js|d\.ts)|kernels\/[a-z]+\.ptx|package\.json|README\.md|LICENSE)$/;
    assert.deepEqual(
      paths.filter((path) => !wanted.test(path)),
      [],
    );
    const needed = [
      ...[
        'LICENSE',
        'README.md',
        'package.json',
        'dist/src/index.d.ts',
        'dist/src/cuda.d.ts',
        'dist/src/video.d.ts',
      ],
      ...readdirSync(join(repositoryRoot, 'kernels'))
        .filter((name) => name.endsWith('.ptx'))
        .map((name) => `kernels/${name}`),
    ];
    assert.deepEqual(
      needed.filter((path) => !paths.includes(path)),
      [],
    );
  });

  it('holds what the sources compile to, no more and no less', () => {
    const sources = readdirSync(join(repositoryRoot, 'src'), { recursive: true, encoding: 'utf8' });
    const expected = sources
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `dist/src/${path.replace(/\.ts$/, '.js')}`);
    const packed = installed.report.files
      .map((file) => file.path)
      .filter((path) => path.endsWith('.js'));
    assert.deepEqual(packed.sort(), expected.sort());
  });

  it('stays small', () => {
    const { size, unpackedSize } = installed.report;
    assert.ok(size <= MAX_TARBALL_BYTES, `${size} of ${MAX_TARBALL_BYTES} bytes packed`);
    assert.ok(unpackedSize <= MAX_UNPACKED_BYTES, `${unpackedSize} of ${MAX_UNPACKED_BYTES} bytes`);
  });

  it('names no path of the machine that packed it', () => {
    const leaking = installed.report.files
      .map((file) => file.path)
      .filter((path) =>
        readFileSync(join(installed.package, path), 'utf8').includes(repositoryRoot),
      );
    assert.deepEqual(leaking, []);
  });

  it('has every file that package.json points to', () => {
    const text = readFileSync(join(installed.package, 'package.json'), 'utf8');
    const targets = [...text.matchAll(/"((?:\.\/)?dist\/[^"*!]+\.[a-z.]+)"/g)].map(
      (match) => match[1] ?? '',
    );
    assert.ok(targets.length >= 3, 'the types, the module and the program');
    const missing = targets.filter((path) => !existsSync(join(installed.package, path)));
    assert.deepEqual(missing, []);
  });

  it('works for a user of plain JavaScript', () => {
    installed.write('user.mjs', JAVASCRIPT_USER);
    const directory = join(installed.folder, 'run');
    const { stdout } = runProgram(process.execPath, ['user.mjs', directory], {
      cwd: installed.folder,
    });
    assert.deepEqual(JSON.parse(stdout), {
      value: 'hello from the tarball',
      code: 'CHANNEL_NOT_FOUND',
    });
  });

  it('finds its kernels, and loads a library of CUDA only for who uses a GPU', (test) => {
    const simulator = simulatedCuda();
    if ('skip' in simulator) return test.skip(simulator.skip);
    installed.write('gpu.mjs', GPU_USER);
    const directory = join(installed.folder, 'run');
    const { stdout } = runProgram(process.execPath, ['gpu.mjs', directory], {
      cwd: installed.folder,
      environment: simulatedEnvironment({ SLUICE_SIMULATED_GPUS: '2' }),
    });
    assert.deepEqual(JSON.parse(stdout), {
      ...{ before: false, imported: false, after: true },
      ...{ devices: 2, count: 2, sequence: 1 },
    });
  });

  it('keeps the inside of the package to itself', () => {
    installed.write('inside.mjs', "await import('sluice/dist/src/core/index.js');\n");
    const options = { cwd: installed.folder, status: 1 };
    const { stderr } = runProgram(process.execPath, ['inside.mjs'], options);
    assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });

  it('type-checks for a strict user of TypeScript', () => {
    installed.linkForUser(['@types/node', 'undici-types']);
    installed.write('package.json', JSON.stringify({ type: 'module' }));
    installed.write('tsconfig.json', JSON.stringify(TYPESCRIPT_CONFIG));
    installed.write('user.ts', TYPESCRIPT_USER);
    const compiler = join(repositoryRoot, 'node_modules/.bin/tsc');
    runProgram(compiler, ['-p', 'tsconfig.json'], { cwd: installed.folder });
  });

  it('has a program that explains itself', () => {
    const program = join(installed.package, installed.manifest().bin['sluice'] ?? '');
    assert.match(readFileSync(program, 'utf8'), /^#!\/usr\/bin\/env node\n/);
    const { stdout } = runProgram(process.execPath, [program, '--help'], { cwd: installed.folder });
    assert.match(stdout, /sluice/);
  });
});
