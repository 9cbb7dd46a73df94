import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SluiceError } from '../../../src/core/index.js';
import { infoLines, pathText } from '../../../src/cli/commands/info.js';
import { channelJson, listingLines } from '../../../src/cli/commands/ls.js';
import type { Check } from '../../../src/cli/doctor/check.js';
import { gpuChecks } from '../../../src/cli/doctor/gpu-checks.js';
import type { DeviceFacts, GpuFacts } from '../../../src/cli/doctor/gpu-facts.js';
import { pathFacts, reachChecks } from '../../../src/cli/doctor/path-checks.js';
import { gpuName, memoryName, withRemedy } from '../../../src/cli/gpu-options.js';
import { NO_PAINT } from '../../../src/cli/paint.js';
import { UsageError } from '../../../src/cli/run.js';
import { copyNotice, placeFailure, readingOptions } from '../../../src/cli/sub/reading-place.js';
import { factsOf, manifestOf, reportOf } from './manifests.js';

const UUIDS = [0, 1, 2].map((index) => `GPU-5f1c0000-0000-4000-8000-00000000000${index}`);

function deviceOf(index: number, more: Partial<DeviceFacts> = {}): DeviceFacts {
  return {
    index,
    uuid: UUIDS[index] ?? '',
    name: 'NVIDIA H200',
    computeCapability: [9, 0],
    memoryBytes: 150e9,
    pciBusId: '0000:1b:00.0',
    decoders: ['h264', 'hevc'],
    ...more,
  };
}

function peersOf(
  count: number,
  access: (reader: number, owner: number) => boolean,
): GpuFacts['peers'] {
  const all = Array.from({ length: count }, (_, index) => index);
  return all.flatMap((owner) =>
    all
      .filter((reader) => reader !== owner)
      .map((reader) => ({ reader, owner, access: access(reader, owner) })),
  );
}

const TWO: GpuFacts = {
  library: '/usr/lib/libcuda.so.580.65.06',
  driver: '580.65.06',
  cuda: '13.0',
  nvrtc: '12.8',
  devices: [deviceOf(0), deviceOf(1)],
  peers: peersOf(2, () => true),
  pinning: { limitBytes: 8e6, triedBytes: 9e6 },
};

function shown(checks: readonly Check[]): readonly string[] {
  return checks.map(({ level, text }) => `${level} ${text}`);
}

/** The findings that are about something. */
function about(topic: string, facts: GpuFacts): readonly string[] {
  return shown(gpuChecks(facts).filter((check) => check.topic === topic));
}

describe('doctor on a machine with GPUs', () => {
  it('says what was tried, once for all that are alike', () => {
    assert.deepEqual(shown(gpuChecks(TWO)), [
      'ok CUDA 13.0, driver 580.65.06, /usr/lib/libcuda.so.580.65.06',
      `ok cuda:0 NVIDIA H200, compute 9.0, 150 GB, ${UUIDS[0]}`,
      `ok cuda:1 NVIDIA H200, compute 9.0, 150 GB, ${UUIDS[1]}`,
      'ok GPU memory is shared by descriptors (tried)',
      'ok stream memory operations (tried)',
      'ok NVRTC 12.8',
      'ok NVDEC h264, hevc',
      'none MPS: processes take turns on the GPU',
      "ok peer access between the 2 GPUs: each reads the others' memory in place",
      'ok RLIMIT_MEMLOCK 8.0 MB does not bind the GPU driver: it pinned 9.0 MB',
    ]);
  });

  it('names the GPUs that differ', () => {
    const devices = [
      deviceOf(0, { streamOperationsProblem: 'a stream did not wait' }),
      deviceOf(1, { decoders: [], multiProcessService: true }),
    ];
    const facts = { ...TWO, devices };
    assert.deepEqual(about('cuda-fences', facts), [
      'FAIL cuda:0 has no stream memory operations: a stream did not wait',
      'ok stream memory operations (tried): cuda:1',
    ]);
    assert.deepEqual(about('nvdec', facts), ['ok NVDEC h264, hevc: cuda:0', 'none NVDEC: cuda:1']);
    const [turns = '', beside = ''] = about('mps', facts);
    assert.equal(turns, 'none MPS: processes take turns on the GPU: cuda:0');
    assert.match(beside, /^warn MPS: .* side by side .*: cuda:1; a fatal fault of one can end/);
  });

  it('tells who reaches whom', () => {
    const none = { ...TWO, peers: peersOf(2, () => false) };
    assert.match(
      about('peer-access', none)[0] ?? '',
      /^none peer access between the 2 GPUs: .*copied/,
    );
    const devices = [deviceOf(0), deviceOf(1), deviceOf(2)];
    const peers = peersOf(3, (reader, owner) => owner === 0 && reader === 1);
    assert.deepEqual(about('peer-access', { ...TWO, devices, peers }), [
      'ok memory of cuda:0 is read in place by cuda:1; for cuda:2 it is copied',
      'none peer access to cuda:1: for others it is copied',
      'none peer access to cuda:2: for others it is copied',
    ]);
    assert.deepEqual(about('peer-access', { ...TWO, devices: [deviceOf(0)], peers: [] }), []);
  });

  it('warns where the limit of locked memory binds', () => {
    const pinning = { limitBytes: 8e6, triedBytes: 9e6, problem: 'cannot pin 9000000 bytes' };
    assert.deepEqual(about('pinning', { ...TWO, pinning }), [
      'warn RLIMIT_MEMLOCK 8.0 MB binds the GPU driver: cannot pin 9000000 bytes',
    ]);
  });

  it('takes absence calmly, and a broken driver not', () => {
    const problem = { message: 'cannot load the CUDA driver', remedy: 'Install it.', attempts: [] };
    const without = { devices: [], peers: [] };
    assert.deepEqual(shown(gpuChecks({ ...without, problem: { ...problem, isAbsence: true } })), [
      'none CUDA: cannot load the CUDA driver',
    ]);
    const attempts = ['libcuda.so.1: No such file', '/wsl/libcuda.so.1: wrong ELF class'];
    const broken = { ...without, problem: { ...problem, attempts, isAbsence: false } };
    const [check] = gpuChecks(broken);
    assert.equal(check?.level, 'FAIL');
    assert.equal(
      check?.text,
      'CUDA: cannot load the CUDA driver (/wsl/libcuda.so.1: wrong ELF class)',
    );
    assert.equal(check?.code, 'CUDA_UNAVAILABLE');
  });

  it('keeps what was found before the probing was cut short', () => {
    const stopped = { step: 'share memory of cuda:1', how: 'did not come back within 20 s' };
    const checks = gpuChecks({ cuda: '13.0', devices: [deviceOf(0)], peers: [], stopped });
    assert.ok(checks.some(({ text }) => text.startsWith('cuda:0 NVIDIA H200')));
    assert.equal(
      checks.at(-1)?.text,
      'the CUDA driver was to share memory of cuda:1: did not come back within 20 s',
    );
    assert.equal(checks.at(-1)?.level, 'FAIL');
  });
});

const DOOR = {
  ...manifestOf('camera/door'),
  memory: 'cuda:0',
  device: { uuid: UUIDS[1] ?? '', name: 'NVIDIA H200' },
} as const;
const READ = factsOf({}, [
  { label: 'yolo', bytesInPlace: 3e8 },
  { label: 'tap', bytesCopied: 7e6 },
  { label: 'snap', bytesInPlace: 9, bytesCopied: 3 },
  { label: 'new' },
]);

describe('the way of frames', () => {
  it('is zero-copy or a copy, and says by what', () => {
    const paths = READ.subscribers.map((facts) => pathText(DOOR, facts));
    assert.deepEqual(paths, [
      'zero-copy',
      'COPY: 7.0 MB through host memory, by copyTo',
      'COPY: 3 B by toHost()',
      '-',
    ]);
    const [, tap] = READ.subscribers;
    assert.ok(tap !== undefined);
    assert.equal(pathText(manifestOf('a'), tap), 'COPY: 7.0 MB to a GPU, by copyTo');
    assert.equal(pathText(manifestOf('a', 'message'), tap), 'message');
    assert.deepEqual(
      pathFacts([reportOf(DOOR, READ)]).map(({ label, path, how }) => [label, path, how]),
      [
        ['yolo', 'zero-copy', undefined],
        ['tap', 'copy', 'through host memory, by copyTo'],
        ['snap', 'copy', 'by toHost()'],
        ['new', 'unknown', undefined],
      ],
    );
  });

  it('is known for GPUs that no subscriber uses yet', () => {
    const reach = (gpu: GpuFacts): readonly string[] =>
      shown(reachChecks([reportOf(DOOR, READ), reportOf(manifestOf('plain'), READ)], gpu));
    const where = `camera/door is on cuda:0, NVIDIA H200 ${UUIDS[1]}`;
    assert.deepEqual(reach(TWO), [`ok ${where}, here cuda:1; read in place by cuda:1, cuda:0`]);
    assert.deepEqual(reach({ ...TWO, peers: peersOf(2, () => false) }), [
      `ok ${where}, here cuda:1; read in place by cuda:1`,
      'COPY camera/door -> cuda:0   no peer access to cuda:1: a subscriber there must copy',
    ]);
    assert.deepEqual(reach({ ...TWO, devices: [deviceOf(0)], peers: [] }), [
      `COPY ${where}; a subscriber here sees only cuda:0 ${UUIDS[0]} and must copy`,
    ]);
    const problem = { message: 'no driver', remedy: '', attempts: [], isAbsence: true };
    assert.deepEqual(reach({ devices: [], peers: [], problem }), [
      `COPY ${where}; without CUDA a subscriber here must copy`,
    ]);
    assert.deepEqual(reach({ ...TWO, stopped: { step: 'start', how: 'ended' } }), []);
  });

  it('shows the GPU in info, ls and JSON', () => {
    const report = reportOf(DOOR, READ);
    const memory = `memory     cuda:0 NVIDIA H200 ${UUIDS[1]}, pool of 8 slots x 13 MB, 0 held`;
    assert.ok(infoLines(report, NO_PAINT).includes(memory));
    const written = reportOf({ ...DOOR, memory: 'host' }, READ);
    assert.match(
      infoLines(written, NO_PAINT)[2] ?? '',
      /^memory {5}host, written by NVIDIA H200 GPU-5f1c/,
    );
    assert.match(listingLines([report], '/run', NO_PAINT)[1] ?? '', /3840x2160 {2}cuda:0 /);
    assert.deepEqual((channelJson(report) as { device: unknown }).device, DOOR.device);
  });
});

describe('options that name memory', () => {
  it('take what the library calls a memory', () => {
    for (const name of ['cuda', 'cuda:0', 'cuda:12', 'cuda:GPU-5f1c', `cuda:${UUIDS[0]}`]) {
      assert.equal(gpuName('--device')(name), name);
      assert.equal(memoryName('--memory')(name), name);
    }
    assert.equal(memoryName('--memory')('host'), 'host');
    for (const wrong of [
      '',
      'gpu',
      'cuda:',
      'cuda:x',
      'CUDA',
      'cuda:-1',
      '0',
      'cuda:0 ',
      'host:0',
    ]) {
      for (const parse of [gpuName('--device'), memoryName('--device')]) {
        assert.throws(
          () => parse(wrong),
          (error) => error instanceof UsageError && /^--device ".*": must be /.test(error.message),
        );
      }
    }
    assert.throws(() => gpuName('--device')('host'), UsageError);
  });

  it('make a subscriber of frames copy to host memory unless they say where to read', () => {
    assert.deepEqual(readingOptions('video', {}), { copyTo: 'host' });
    assert.deepEqual(readingOptions('text', {}), {});
    assert.deepEqual(readingOptions('video', { device: 'cuda:1' }), { device: 'cuda:1' });
    assert.deepEqual(readingOptions('tensor', { copyTo: 'cuda' }), { copyTo: 'cuda' });
  });

  it('are followed by a word on each copy that is certain', () => {
    const host = manifestOf('plain');
    assert.equal(copyNotice(DOOR, {}), 'camera/door is on cuda:0; reading a copy in host memory');
    assert.equal(copyNotice(DOOR, { device: 'cuda' }), undefined);
    assert.equal(copyNotice(DOOR, { copyTo: 'cuda:0' }), undefined);
    assert.equal(copyNotice(host, {}), undefined);
    assert.equal(
      copyNotice(host, { copyTo: 'cuda:1' }),
      'plain is in host memory; copying each frame to cuda:1',
    );
    assert.equal(copyNotice(manifestOf('chat', 'message'), { copyTo: 'cuda:1' }), undefined);
  });

  it('have remedies in words of the command line', () => {
    const remedyOf = (details: Record<string, unknown>): string =>
      (placeFailure(new SluiceError('WRONG_DEVICE', 'x', { details })) as SluiceError).remedy;
    assert.match(remedyOf({ which: 'cuda:9' }), /^Name one of these/);
    assert.match(remedyOf({ memory: 'host' }), /--copy-to cuda/);
    assert.match(remedyOf({ seen: [] }), /--device.*--copy-to/);
    const other = new SluiceError('NO_SPACE', 'x');
    assert.equal(placeFailure(other), other);
    assert.equal(withRemedy('text', {}), 'text');
  });
});
