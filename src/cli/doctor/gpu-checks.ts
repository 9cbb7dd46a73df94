/** What `sluice doctor` says of the GPUs. Pure: facts in, findings out. */
import { printable } from '../../core/index.js';
import { formatBytes, plural } from '../units.js';
import { type Check, none, ok, warn } from './check.js';
import type { CudaProblem, DeviceFacts, GpuFacts, PinningFacts, Problem } from './gpu-facts.js';

export function gpuChecks(facts: GpuFacts): readonly Check[] {
  const { devices, problem, stopped, pinning } = facts;
  const checks: Check[] = [];
  if (problem !== undefined) checks.push(checkProblem(problem));
  if (facts.cuda !== undefined) checks.push(checkDriver(facts));
  for (const device of devices) checks.push(checkDevice(device));
  checks.push(...checkTried(devices));
  if (devices.length > 0) {
    checks.push(checkCompiler(facts.nvrtc), ...checkDecoders(devices), ...checkSharing(devices));
  }
  checks.push(...checkPeers(facts));
  if (pinning !== undefined) checks.push(checkPinning(pinning));
  if (stopped !== undefined) checks.push(checkStop(stopped));
  return checks;
}

function checkProblem({ message, remedy, attempts, isAbsence }: CudaProblem): Check {
  if (isAbsence) return none('cuda', `CUDA: ${printable(message, 1024)}`);
  const why = attempts.find((attempt) => !/No such file/.test(attempt));
  const text = `CUDA: ${message}${why === undefined ? '' : ` (${why})`}`;
  return {
    level: 'FAIL',
    topic: 'cuda',
    text: printable(text, 1024),
    remedy,
    code: 'CUDA_UNAVAILABLE',
  };
}

/** A driver that hangs or crashes would do so to every program that uses it. */
function checkStop({ step, how }: NonNullable<GpuFacts['stopped']>): Check {
  return {
    level: 'FAIL',
    topic: 'cuda',
    text: `the CUDA driver was to ${step}: ${printable(how, 1024)}`,
    remedy: 'See `dmesg | grep NVRM`, end programs that hang on the GPU (nvidia-smi), or reboot.',
    code: 'CUDA_ERROR',
  };
}

function checkDriver({ cuda, driver, library }: GpuFacts): Check {
  const parts = [
    `CUDA ${cuda}`,
    driver === undefined ? '' : `driver ${driver}`,
    library === undefined ? '' : printable(library, 256),
  ];
  return ok('cuda', parts.filter((part) => part !== '').join(', '));
}

function checkDevice({ index, name, uuid, memoryBytes, computeCapability }: DeviceFacts): Check {
  const facts = `compute ${computeCapability.join('.')}, ${formatBytes(memoryBytes)}`;
  return ok(`cuda:${index}`, `cuda:${index} ${printable(name, 128)}, ${facts}, ${uuid}`);
}

/** The two things without which there are no channels in GPU memory. */
function checkTried(devices: readonly DeviceFacts[]): readonly Check[] {
  const tried = [
    {
      topic: 'cuda-sharing',
      works: 'GPU memory is shared by descriptors (tried)',
      fails: 'cannot share memory',
      problemOf: (device: DeviceFacts): Problem => device.sharedMemoryProblem,
    },
    {
      topic: 'cuda-fences',
      works: 'stream memory operations (tried)',
      fails: 'has no stream memory operations',
      problemOf: (device: DeviceFacts): Problem => device.streamOperationsProblem,
    },
  ];
  return tried.flatMap(({ topic, works, fails, problemOf }) =>
    grouped(devices, (device) => problemOf(device) ?? '').map(([problem, group]): Check => {
      if (problem === '') return ok(topic, `${works}${whichOf(group, devices)}`);
      return {
        level: 'FAIL',
        topic,
        text: `${namesOf(group)} ${fails}: ${printable(problem, 1024)}`,
        remedy: 'Keep frames in host memory (--memory host), or update the NVIDIA driver.',
        code: 'CUDA_ERROR',
      };
    }),
  );
}

function checkCompiler(nvrtc: string | undefined): Check {
  return nvrtc === undefined
    ? none('nvrtc', 'NVRTC (needed by nothing but compileKernel)')
    : ok('nvrtc', `NVRTC ${printable(nvrtc, 32)}`);
}

function checkDecoders(devices: readonly DeviceFacts[]): readonly Check[] {
  const codecsOf = ({ decoders }: DeviceFacts): string => decoders?.join(', ') ?? '';
  return grouped(devices, codecsOf).map(([codecs, group]) => {
    const which = whichOf(group, devices);
    return codecs === '' ? none('nvdec', `NVDEC${which}`) : ok('nvdec', `NVDEC ${codecs}${which}`);
  });
}

/** How processes share a GPU. */
function checkSharing(devices: readonly DeviceFacts[]): readonly Check[] {
  const isOn = ({ multiProcessService }: DeviceFacts): string =>
    String(multiProcessService === true);
  return grouped(devices, isOn).map(([on, group]) => {
    const which = whichOf(group, devices);
    if (on === 'false') return none('mps', `MPS: processes take turns on the GPU${which}`);
    return warn(
      'mps',
      `MPS: processes run side by side on the GPU${which}; a fatal fault of one can end the others' work`,
      'Run what may fault outside of MPS, or end it: echo quit | nvidia-cuda-mps-control',
    );
  });
}

/** One line where all agree, else one for the memory of each GPU. */
function checkPeers({ devices, peers }: GpuFacts): readonly Check[] {
  const topic = 'peer-access';
  if (peers.length === 0) return [];
  const count = plural(devices.length, 'GPU');
  if (peers.every(({ access }) => access)) {
    return [ok(topic, `peer access between the ${count}: each reads the others' memory in place`)];
  }
  if (peers.every(({ access }) => !access)) {
    return [none(topic, `peer access between the ${count}: what another one reads is copied`)];
  }
  return devices.map(({ index }) => {
    const readers = (access: boolean): string =>
      peers
        .filter((peer) => peer.owner === index && peer.access === access)
        .map(({ reader }) => `cuda:${reader}`)
        .join(', ');
    const [near, far] = [readers(true), readers(false)];
    if (near === '') return none(topic, `peer access to cuda:${index}: for others it is copied`);
    const rest = far === '' ? '' : `; for ${far} it is copied`;
    return ok(topic, `memory of cuda:${index} is read in place by ${near}${rest}`);
  });
}

function checkPinning({ limitBytes, triedBytes, problem }: PinningFacts): Check {
  const topic = 'pinning';
  const limit = `RLIMIT_MEMLOCK ${formatBytes(limitBytes)}`;
  if (problem === undefined) {
    return ok(topic, `${limit} does not bind the GPU driver: it pinned ${formatBytes(triedBytes)}`);
  }
  return warn(
    topic,
    `${limit} binds the GPU driver: ${printable(problem, 1024)}`,
    'Raise it (ulimit -l unlimited): frames of a GPU that host memory has a part in must be pinned.',
  );
}

/** The devices by what `key` says of them, in the order of the first of each. */
function grouped(
  devices: readonly DeviceFacts[],
  key: (device: DeviceFacts) => string,
): readonly (readonly [string, readonly DeviceFacts[]])[] {
  const groups = new Map<string, DeviceFacts[]>();
  for (const device of devices) {
    const group = groups.get(key(device));
    if (group === undefined) groups.set(key(device), [device]);
    else group.push(device);
  }
  return [...groups];
}

function namesOf(devices: readonly DeviceFacts[]): string {
  return devices.map(({ index }) => `cuda:${index}`).join(', ');
}

/** Nothing where it is all of them. */
function whichOf(group: readonly DeviceFacts[], devices: readonly DeviceFacts[]): string {
  return group.length === devices.length ? '' : `: ${namesOf(group)}`;
}
