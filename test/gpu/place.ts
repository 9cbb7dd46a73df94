/**
 * Where these tests run: on a GPU, or on the simulated driver (use-simulator.ts comes first then). The scenarios are
 * the same; what differs between the two is here.
 */
import { cudaDriver } from '../../src/ffi/index.js';
import { cudaProblem, findDevice, listDevices, useDevice } from '../../src/gpu/index.js';

export const isSimulated = process.env['SLUICE_TESTS_SIMULATED'] === '1';

/** Why the scenarios cannot run here, or false: for the option `skip`. */
export const skip: string | false =
  process.env['SLUICE_TESTS_SKIPPED'] ?? cudaProblem()?.message ?? false;

/** Why nothing can be tried between two GPUs, or false. */
export const skipPair: string | false =
  skip === false && listDevices().length < 2
    ? `needs two GPUs, here is one: ${listDevices()[0]?.name}`
    : skip;

export const skipUnlessSimulated: string | false = isSimulated
  ? skip
  : 'needs a driver that does as it is told: the simulated one';

/** For tests that start programs as other users. */
export const skipUnlessRoot: string | false =
  process.geteuid?.() === 0 ? skip : 'needs root, to run programs as other users';

/** For `describe`. A process of these tests takes up to seconds to start: 0.5 s for a context of its own alone. */
export const options = { skip, timeout: 120_000 } as const;

/** Bytes of GPU memory that nobody uses, of all processes; of the simulator this process's alone. */
export function freeBytes(device: number | string = 0): number {
  useDevice(findDevice(device, 'ask for free memory'));
  const [available, total] = [new BigUint64Array(1), new BigUint64Array(1)];
  const bytesOf = (words: BigUint64Array): Uint8Array => new Uint8Array(words.buffer);
  const code = cudaDriver().cuMemGetInfo(bytesOf(available), bytesOf(total));
  if (code !== 0) throw new Error(`cuMemGetInfo answered ${code}`);
  return Number(available[0]);
}
