/**
 * Tries what the GPUs of this machine can do, in a process of its own: a driver that hangs, crashes or is poisoned
 * takes only this one with it. Tells what it does and finds on descriptor 3, each line before the next step.
 */
import { existsSync, readFileSync, realpathSync, writeSync } from 'node:fs';
import {
  canAccess,
  cudaProblem,
  decoderCodecs,
  deviceAttributes,
  driverVersion,
  type GpuDevice,
  listDevices,
  nvrtcVersion,
  probeSharedMemory,
  probeStreamMemoryOperations,
  registerHostMemory,
} from '../../gpu/index.js';
import { createSealedRegion } from '../../memory/index.js';
import type {
  CudaProblem,
  DeviceFacts,
  PeerFacts,
  PinningFacts,
  Problem,
  ProbeLine,
} from './gpu-facts.js';
import { softLimit } from './limits.js';

const REPORT = 3;

/** More than the limit by this much is pinned. */
const BEYOND_BYTES = 1 << 20;
/** A higher limit is not tried: pinning that much takes too long. */
const MAX_TRIED_BYTES = 128 * 1024 * 1024;

function tell(line: ProbeLine): void {
  writeSync(REPORT, `${JSON.stringify(line)}\n`);
}

function probeAll(): void {
  tell({ step: 'load the CUDA driver' });
  const problem = problemOfCuda();
  if (problem !== undefined) return tell({ facts: { problem } });
  const devices = listDevices();
  const library = libraryPath();
  const driver = kernelDriverVersion();
  tell({
    facts: {
      cuda: driverVersion(),
      ...(library === undefined ? {} : { library }),
      ...(driver === undefined ? {} : { driver }),
    },
  });
  tell({ step: 'load NVRTC' });
  const nvrtc = nvrtcVersion();
  if (nvrtc !== undefined) tell({ facts: { nvrtc } });
  for (const device of devices) tell({ device: probeDevice(device) });
  tell({ step: 'ask which GPUs reach each other' });
  tell({ facts: { peers: peersOf(devices) } });
  tell({ step: 'pin host memory' });
  const pinning = probePinning(devices[0]!);
  if (pinning !== undefined) tell({ facts: { pinning } });
}

function problemOfCuda(): CudaProblem | undefined {
  const error = cudaProblem();
  if (error === undefined) return undefined;
  const attempts = (error.details['attempts'] as readonly unknown[] | undefined) ?? [];
  const texts = attempts.map(String);
  const isMissing = texts.length > 0 && texts.every((text) => /No such file/.test(text));
  const hasHardware = ['/dev/nvidiactl', '/dev/dxg'].some((path) => existsSync(path));
  const saysNone = texts.length === 0 && (!hasHardware || saysNoDevice(error.message));
  return {
    message: error.message,
    remedy: error.remedy,
    attempts: texts,
    isAbsence: isMissing || saysNone,
  };
}

function saysNoDevice(message: string): boolean {
  return /CUDA_ERROR_NO_DEVICE|shows no GPU/.test(message);
}

/** The file that the loader took, with its links resolved: its name tells the version. */
function libraryPath(): string | undefined {
  const chosen = process.env['SLUICE_CUDA_LIBRARY'];
  if (chosen !== undefined && chosen !== '')
    return existsSync(chosen) ? realpathSync(chosen) : chosen;
  const maps = readFileSync('/proc/self/maps', 'utf8');
  return /\s(\/\S*\/libcuda\.so[^/\s]*)$/m.exec(maps)?.[1];
}

function kernelDriverVersion(): string | undefined {
  const path = '/proc/driver/nvidia/version';
  if (!existsSync(path)) return undefined;
  return /Kernel Module\s+(?:for \S+\s+)?(\d+(?:\.\d+)+)/.exec(readFileSync(path, 'utf8'))?.[1];
}

function probeDevice(device: GpuDevice): DeviceFacts {
  const { index, uuid, name, computeCapability, memoryBytes, pciBusId } = device;
  const who = `cuda:${index}`;
  tell({ step: `ask for the attributes of ${who}` });
  const { virtualMemory, posixDescriptors, multiProcessService } = deviceAttributes(device);
  tell({ step: `share memory of ${who}` });
  const sharedMemoryProblem = probeSharedMemory(device);
  tell({ step: `let a stream of ${who} wait for a word of host memory` });
  const streamOperationsProblem = probeStreamMemoryOperations(device);
  tell({ step: `ask the video decoder of ${who}` });
  const decoders = decoderCodecs(device);
  return {
    ...{ index, uuid, name, computeCapability, memoryBytes, pciBusId },
    ...(virtualMemory === undefined ? {} : { virtualMemory }),
    ...(posixDescriptors === undefined ? {} : { posixDescriptors }),
    ...(multiProcessService === undefined ? {} : { multiProcessService }),
    ...(sharedMemoryProblem === undefined ? {} : { sharedMemoryProblem }),
    ...(streamOperationsProblem === undefined ? {} : { streamOperationsProblem }),
    ...(decoders === undefined || decoders.length === 0 ? {} : { decoders }),
  };
}

function peersOf(devices: readonly GpuDevice[]): readonly PeerFacts[] {
  return devices.flatMap((owner) =>
    devices
      .filter((reader) => reader !== owner)
      .map((reader) => ({
        reader: reader.index,
        owner: owner.index,
        access: canAccess(reader, owner),
      })),
  );
}

function probePinning(device: GpuDevice): PinningFacts | undefined {
  const limitBytes = softLimit(readFileSync('/proc/self/limits', 'utf8'), 'Max locked memory');
  if (limitBytes === undefined) return undefined;
  const triedBytes = limitBytes + BEYOND_BYTES;
  if (triedBytes > MAX_TRIED_BYTES) return undefined;
  const problem = problemOfPinning(device, triedBytes);
  return { limitBytes, triedBytes, ...(problem === undefined ? {} : { problem }) };
}

function problemOfPinning(device: GpuDevice, byteLength: number): Problem {
  const region = createSealedRegion('sluice-doctor', byteLength);
  try {
    const attempt = `pin ${byteLength} bytes of host memory`;
    registerHostMemory(new Uint8Array(region.buffer), { device, attempt }).close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    region.close();
  }
}

try {
  probeAll();
} catch (error) {
  tell({ failed: error instanceof Error ? error.message : String(error) });
}
tell({ done: true });
