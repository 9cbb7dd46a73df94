import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { GpuFacts } from '../../src/cli/doctor/gpu-facts.js';
import { probeGpus } from '../../src/cli/doctor/gpu-probe.js';
import type { PathFacts } from '../../src/cli/doctor/path-checks.js';
import type { DemoReport } from '../../src/demo/index.js';
import { simulatedCuda, simulatedEnvironment } from '../cuda-simulator/simulator.js';
import { type Running, Stage } from './cli-program.js';

const simulator = simulatedCuda();
const skip = 'skip' in simulator ? simulator.skip : false;
const environment = skip === false ? simulatedEnvironment() : process.env;

const NO_LIBRARY = { SLUICE_CUDA_LIBRARY: '/no/such/libcuda.so' };
const UUID = 'GPU-a01ce500-5eed-4c0d-8000-000000000000';
const OTHER_UUID = 'GPU-a11ce500-5eed-4c0d-8000-000000000001';

interface DoctorJson {
  readonly checks: readonly {
    readonly level: string;
    readonly topic: string;
    readonly text: string;
  }[];
  readonly failures: number;
  readonly gpu: GpuFacts;
  readonly paths: readonly PathFacts[];
}

/** A shared library that does `statement` as soon as it is loaded. */
function hostileLibrary(folder: string, name: string, statement: string): string {
  const source = join(folder, `${name}.c`);
  const library = join(folder, `${name}.so`);
  writeFileSync(
    source,
    `#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) static void at_once(void) { ${statement}; }\n`,
  );
  const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-o', library, source], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return library;
}

describe('sluice doctor and GPUs', { skip }, () => {
  const stage = new Stage(environment);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-gpu-'));
  after(async () => {
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Lines about GPUs, without those that depend on the machine. */
  async function gpuLines(env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> {
    const { code, out } = await stage.run(['doctor'], '', env);
    assert.equal(code, 0, out);
    return out
      .split('\n')
      .filter((line) => /CUDA|GPU|stream|NV|MPS/.test(line) && !/MEMLOCK/.test(line));
  }

  it('shows two of them', async () => {
    const path = 'path' in simulator ? simulator.path : '';
    const env = { SLUICE_NVRTC_LIBRARY: '/no/such/libnvrtc.so' };
    assert.deepEqual(await gpuLines(env), [
      `ok    CUDA 13.0, ${path}`,
      `ok    cuda:0 Simulated GPU, compute 9.0, 8.6 GB, ${UUID}`,
      `ok    cuda:1 Simulated GPU, compute 9.0, 8.6 GB, ${OTHER_UUID}`,
      'ok    GPU memory is shared by descriptors (tried)',
      'ok    stream memory operations (tried)',
      'none  NVRTC (needed by nothing but compileKernel)',
      'none  NVDEC',
      'none  MPS: processes take turns on the GPU',
      "ok    peer access between the 2 GPUs: each reads the others' memory in place",
    ]);
  });

  it('shows one, and two without peer access', async () => {
    const one = await gpuLines({ SLUICE_SIMULATED_GPUS: '1' });
    assert.ok(!one.some((line) => /peer access|cuda:1/.test(line)));
    const apart = await gpuLines({ SLUICE_SIMULATED_PEERS: '0' });
    assert.equal(
      apart.at(-1),
      'none  peer access between the 2 GPUs: what another one reads is copied',
    );
  });

  it('has all of it as JSON', async () => {
    const { code, out } = await stage.run(['doctor', '--json']);
    assert.equal(code, 0, out);
    const { gpu } = JSON.parse(out) as DoctorJson;
    assert.equal(gpu.cuda, '13.0');
    assert.deepEqual(
      gpu.devices.map(({ uuid, sharedMemoryProblem, streamOperationsProblem }) => [
        uuid,
        sharedMemoryProblem,
        streamOperationsProblem,
      ]),
      [
        [UUID, undefined, undefined],
        [OTHER_UUID, undefined, undefined],
      ],
    );
    assert.deepEqual(gpu.peers, [
      { reader: 1, owner: 0, access: true },
      { reader: 0, owner: 1, access: true },
    ]);
  });

  it('says calmly that there is no driver', async () => {
    assert.deepEqual(await gpuLines(NO_LIBRARY), [
      'none  CUDA: cannot load the CUDA driver, which should be /no/such/libcuda.so',
    ]);
    const { out } = await stage.run(['doctor', '--json'], '', NO_LIBRARY);
    const { gpu, failures } = JSON.parse(out) as DoctorJson;
    assert.deepEqual([gpu.devices, gpu.problem?.isAbsence, failures], [[], true, 0]);
  });

  it('reports what fails, and goes on', async () => {
    const { code, out } = await stage.run(['doctor'], '', {
      SLUICE_SIMULATED_FAIL: 'cuMemExportToShareableHandle:1+:801',
    });
    assert.equal(code, 1);
    assert.match(out, /^FAIL {2}cuda:0, cuda:1 cannot share memory: .*CUDA_ERROR_NOT_SUPPORTED/m);
    assert.match(out, /^ {6}Keep frames in host memory.* sluice help CUDA_ERROR$/m);
    assert.match(out, /^ok {4}stream memory operations \(tried\)$/m);
  });

  it('survives a driver that crashes, and one that is no library', async () => {
    const crashing = hostileLibrary(folder, 'crashing', 'abort()');
    const { code, out } = await stage.run(['doctor'], '', { SLUICE_CUDA_LIBRARY: crashing });
    assert.equal(code, 1);
    assert.match(out, /^FAIL {2}the CUDA driver was to load the CUDA driver: ended with SIGABRT/m);
    assert.match(out, /^1 failure/m);
    const text = join(folder, 'text.so');
    writeFileSync(text, 'nothing that could be loaded');
    const other = await stage.run(['doctor'], '', { SLUICE_CUDA_LIBRARY: text });
    assert.equal(other.code, 1);
    assert.match(
      other.out,
      /^FAIL {2}CUDA: cannot load the CUDA driver.*text\.so.*\(.*text\.so: /m,
    );
  });

  it('gives a driver up that hangs', async () => {
    const hanging = hostileLibrary(folder, 'hanging', 'pause()');
    const facts = await probeGpus({
      patienceMs: 3000,
      environment: { ...environment, SLUICE_CUDA_LIBRARY: hanging },
    });
    assert.deepEqual(facts, {
      devices: [],
      peers: [],
      stopped: { step: 'load the CUDA driver', how: 'did not come back within 3 s' },
    });
  });

  it('explains the codes', async () => {
    for (const code of ['CUDA_UNAVAILABLE', 'CUDA_ERROR', 'WRONG_DEVICE', 'DEVICE_MEMORY']) {
      assert.match((await stage.run(['help', code])).out, new RegExp(`^${code} {2}`));
    }
  });

  it('is the only one of the commands that look which loads the CUDA library', async () => {
    const env = { SLUICE_CUDA_LIBRARY: hostileLibrary(folder, 'poison', 'abort()') };
    const camera = await stage.publish('look', '--video', 'gray8:64x4', '--memory', 'cuda');
    camera.write(new Uint8Array(256));
    const host = stage.start(['pub', 'host', '--video', 'gray8:64x4', '--json'], { env });
    await host.shows(/"event":"open"/);
    for (const words of [['ls'], ['top', '--frames', '1'], ['info', 'look'], ['ls', '--json']]) {
      const { code, out, err } = await stage.run(words, '', env);
      assert.equal(code, 0, `${words.join(' ')}: ${err}`);
      assert.match(out, /cuda:0|look/);
    }
    const watch = stage.start(['watch', '--frames', '2'], { env });
    assert.equal((await watch.ended).code, 0);
    const reader = stage.start(['sub', 'look', '--frames', '1'], { env });
    await reader.shows(/reading a copy in host memory/);
    camera.write(new Uint8Array(256));
    assert.equal((await reader.ended).code, 0);
  });
});

describe('frames in the memory of a GPU', { skip }, () => {
  const stage = new Stage(environment);
  after(() => stage.close());

  for (const [format, size] of [
    ['nv12:64x48', 64 * 48 * 1.5],
    // Rows that are padded in a slot, and a single one.
    ['rgb24:17x5', 17 * 5 * 3],
    ['gray8:10x1', 10],
  ] as const) {
    it(`are published and stored byte for byte: ${format}`, async () => {
      const picture = Uint8Array.from({ length: size }, (_, index) => 1 + (index % 250));
      const channel = `bytes/${format.replace(':', '-')}`;
      const words = ['--video', format, '--memory', 'cuda:1', '--subscribers', '2'];
      const publisher = await stage.publish(channel, ...words);
      const files = ['host', 'device'].map((name) => join(stage.directory, `${name}-${size}.raw`));
      const [toHost = '', onDevice = ''] = files;
      const copying = stage.start(['sub', channel, '--frames', '1', '--out', toHost]);
      const reading = stage.start([
        'sub',
        channel,
        '--frames',
        '1',
        '--out',
        onDevice,
        '--device',
        'cuda:0',
      ]);
      publisher.child.stdin?.end(picture);
      const copied = await copying.ended;
      assert.equal(copied.code, 0, copied.err);
      assert.equal((await reading.ended).code, 0);
      for (const file of files) assert.deepEqual(new Uint8Array(readFileSync(file)), picture);
      assert.match(copied.err, /^bytes\/.* is on cuda:1; reading a copy in host memory$/m);
      assert.match((await publisher.ended).err, /sent 1 picture/);
    });
  }

  it('all arrive where their publisher waits for slots', async () => {
    const count = 50;
    const input = Uint8Array.from({ length: 64 * count }, (_, index) => Math.floor(index / 64));
    const words = ['--video', 'gray8:64x1', '--memory', 'cuda', '--when-full', 'wait'];
    const publisher = await stage.publish('many', ...words, '--slots', '8', '--subscribers', '1');
    const out = join(stage.directory, 'many.raw');
    const reader = stage.start(['sub', 'many', '--every', '--frames', String(count), '--out', out]);
    publisher.child.stdin?.end(input);
    assert.match((await publisher.ended).err, new RegExp(`sent ${count} pictures`));
    assert.equal((await reader.ended).code, 0);
    assert.deepEqual(new Uint8Array(readFileSync(out)), input);
  });

  it('are shown with their GPU and the path of each reader', async () => {
    const camera = await stage.publish('camera/door', '--video', 'gray8:64x4', '--memory', 'cuda');
    const readers: Running[] = [];
    for (const words of [
      ['--label', 'tap'],
      ['--label', 'yolo', '--device', 'cuda'],
      ['--label', 'far', '--device', 'cuda:1'],
    ]) {
      const reader = stage.start(['sub', 'camera/door', '--json', ...words]);
      await reader.shows(/"connected"/);
      readers.push(reader);
    }
    camera.write(new Uint8Array(256));
    const memories: string[] = [];
    for (const reader of readers) {
      await reader.shows(/"sequence":1,/);
      memories.push((JSON.parse(reader.out.toString()) as { memory: string }).memory);
    }
    // As the reader addresses it: cuda:1 reads the memory of cuda:0 by peer access.
    assert.deepEqual(memories, ['host', 'cuda:0', 'cuda:1']);
    assert.match(
      readers[0]?.err ?? '',
      /"copy":\{"channel":"camera\/door","memory":"cuda:0","copyTo":"host"/,
    );

    const info = await stage.run(['info', 'camera/door']);
    assert.match(info.out, new RegExp(`^memory {5}cuda:0 Simulated GPU ${UUID}, pool of `, 'm'));
    assert.match(info.out, /^tap .* COPY: 256 B through host memory, by copyTo$/m);
    assert.match(info.out, /^yolo .* zero-copy$/m);
    assert.match(info.out, /^far .* zero-copy$/m);
    const listed = await stage.run(['ls', 'camera/*', '--json']);
    assert.deepEqual((JSON.parse(listed.out) as { device: object }).device, {
      uuid: UUID,
      name: 'Simulated GPU',
    });
    assert.match((await stage.run(['top', '--frames', '1'])).out, /^! tap /m);

    const doctor = await stage.run(['doctor']);
    assert.match(doctor.out, /^ok .*camera\/door -> yolo {3}zero-copy, 256 B read in place/m);
    assert.match(doctor.out, /^COPY {2}camera\/door -> tap {3}copied 256 B through host memory/m);
    assert.match(doctor.out, /camera\/door is on cuda:0, .*; read in place by cuda:0, cuda:1$/m);
    const apart = await stage.run(['doctor', '--json'], '', { SLUICE_SIMULATED_PEERS: '0' });
    const { paths, checks } = JSON.parse(apart.out) as DoctorJson;
    assert.deepEqual(paths.map(({ label, path }) => `${label} ${path}`).sort(), [
      'far zero-copy',
      'tap copy',
      'yolo zero-copy',
    ]);
    assert.ok(checks.some(({ level, text }) => level === 'COPY' && /door -> cuda:1/.test(text)));
  });

  it('are refused in words where they cannot be', async () => {
    await stage.publish('there', '--video', 'gray8:64x4', '--memory', 'cuda');
    await stage.publish('here', '--video', 'gray8:64x4');
    const picture = ['--video', 'gray8:8x8'];
    const one = { SLUICE_SIMULATED_PEERS: '0' };
    const refusals: readonly (readonly [readonly string[], NodeJS.ProcessEnv, RegExp, RegExp])[] = [
      [
        ['pub', 'x', ...picture, '--memory', 'cuda'],
        NO_LIBRARY,
        /CUDA_UNAVAILABLE$/m,
        /^Leave --memory out/m,
      ],
      [['pub', 'x', ...picture, '--memory', 'cuda:9'], {}, /WRONG_DEVICE$/m, /^Name one of these/m],
      [['demo', '--memory', 'cuda'], NO_LIBRARY, /CUDA_UNAVAILABLE$/m, /^Leave --memory out/m],
      [['demo', 'text', '--gpu'], NO_LIBRARY, /CUDA_UNAVAILABLE$/m, /^Leave --gpu out/m],
      [['sub', 'there', '--device', 'cuda'], NO_LIBRARY, /CUDA_UNAVAILABLE$/m, /^Leave --device/m],
      [['sub', 'there', '--device', 'cuda:9'], {}, /WRONG_DEVICE$/m, /^Name one of these/m],
      [['sub', 'there', '--device', 'cuda:1'], one, /WRONG_DEVICE$/m, /^Name another --device/m],
      [['sub', 'here', '--device', 'cuda'], {}, /WRONG_DEVICE$/m, /--copy-to cuda/],
    ];
    for (const [words, env, code, remedy] of refusals) {
      const { code: status, err } = await stage.run(words, '', env);
      assert.equal(status, 1, words.join(' '));
      assert.match(err, code);
      assert.match(err, remedy);
    }
    for (const [words, message] of [
      [['pub', 'x', '--memory', 'cuda'], /--memory is an option of pictures/],
      [['pub', 'x', ...picture, '--memory', 'gpu'], /--memory "gpu"/],
      [['sub', 'x', '--device', 'cuda', '--copy-to', 'host'], /cannot be used with/],
      [['sub', 'x', '--copy-to', 'elsewhere'], /--copy-to "elsewhere"/],
    ] as const) {
      const { code, err } = await stage.run(words);
      assert.equal(code, 2, words.join(' '));
      assert.match(err, message);
    }
  });

  it('are played by the demo', async () => {
    // Without ffmpeg: a generated scene.
    const env = { PATH: '' };
    const { code, out, err } = await stage.run(
      ['demo', '--memory', 'cuda:1', '--seconds', '4', '--json'],
      '',
      env,
    );
    assert.equal(code, 0, `${out}\n${err}`);
    const { problems, memory, totals } = JSON.parse(out) as DemoReport;
    assert.deepEqual([problems, memory, totals.torn, totals.bytesInPlace], [[], 'cuda:1', 0, 0]);
    assert.ok(totals.bytesCopied > 0);
  });
});
