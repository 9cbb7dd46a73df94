import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSluiceError } from '../../../src/core/index.js';
import { CUDA_RESULTS, checkCuda, cudaDriver, isStickyCudaError } from '../../../src/ffi/index.js';
import {
  canAccess,
  cudaProblem,
  deviceAttributes,
  deviceByUuid,
  deviceOfStream,
  driverVersion,
  findDevice,
  listDevices,
  probeSharedMemory,
  probeStreamMemoryOperations,
  Stream,
  streamHandle,
  useDevice,
} from '../../../src/gpu/index.js';
import { runScenario, skip } from './simulated.js';

describe('devices', { skip }, () => {
  it('are listed with what tells them apart', () => {
    assert.equal(cudaProblem(), undefined);
    const devices = listDevices();
    assert.equal(devices.length, 2);
    assert.equal(listDevices(), devices);
    for (const [index, device] of devices.entries()) {
      assert.equal(device.index, index);
      assert.match(device.uuid, /^GPU-[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
      assert.match(device.pciBusId, /^[0-9a-f]{4}:[0-9a-f]{2}:/);
      assert.equal(device.name, 'Simulated GPU');
      assert.deepEqual(device.computeCapability, [9, 0]);
      assert.equal(device.memoryBytes, 8 * 2 ** 30);
      assert.equal(deviceByUuid(device.uuid), device);
    }
    assert.equal(deviceByUuid('GPU-0'), undefined);
    assert.match(driverVersion(), /^\d+\.\d+$/);
  });

  it('are found by every way to name them', () => {
    const [first, second] = listDevices();
    for (const name of [undefined, 'cuda', 0, 'cuda:0', first!.uuid, `cuda:${first!.uuid}`]) {
      assert.equal(findDevice(name, 'test'), first, String(name));
    }
    const prefix = second!.uuid.slice(0, 8);
    for (const name of [1, 'cuda:1', prefix, prefix.toUpperCase(), `cuda:${prefix}`]) {
      assert.equal(findDevice(name, 'test'), second, String(name));
    }
  });

  it('are WRONG_DEVICE when there is none or more than one', () => {
    for (const name of [2, -1, 0.5, 'cuda:7', 'GPU-ffff', 'GPU-a']) {
      assert.throws(
        () => findDevice(name, 'open the channel'),
        (error) => {
          assert.ok(isSluiceError(error, 'WRONG_DEVICE'), String(error));
          assert.match(error.message, /^cannot open the channel: .*cuda:1 Simulated GPU \(GPU-/);
          assert.equal((error.details['devices'] as unknown[]).length, 2);
          return true;
        },
      );
    }
    for (const name of ['host', '1', 'cuda:', 'GPU-xyz', '']) {
      assert.throws(() => findDevice(name, 'test'), TypeError, name);
    }
  });

  it('are numbered by CUDA_VISIBLE_DEVICES and keep their UUIDs', () => {
    const [, second] = listDevices();
    const environment = { CUDA_VISIBLE_DEVICES: '1' };
    assert.deepEqual(runScenario('devices', { environment }), [[0, second!.uuid, 0]]);
    const none = runScenario('problem', { environment: { CUDA_VISIBLE_DEVICES: '-1' } });
    assert.equal((none as { code: string }).code, 'CUDA_UNAVAILABLE');
  });

  it('reach each other or not', () => {
    const [first, second] = listDevices();
    assert.equal(canAccess(first!, second!), true);
    const environment = { SLUICE_SIMULATED_PEERS: '0' };
    assert.deepEqual(runScenario('peers', { environment }), [true, false]);
  });

  it('are CUDA_UNAVAILABLE when the driver does not start, for whatever reason', () => {
    for (const code of [CUDA_RESULTS.CUDA_ERROR_NO_DEVICE, CUDA_RESULTS.CUDA_ERROR_UNKNOWN]) {
      const environment = { SLUICE_SIMULATED_FAIL: `cuInit:1+:${code}` };
      const problem = runScenario('problem', { environment }) as { code: string; message: string };
      assert.equal(problem.code, 'CUDA_UNAVAILABLE');
      assert.match(problem.message, new RegExp(`cuInit answered CUDA_ERROR_\\w+ \\(${code}\\)`));
    }
  });

  it('load nothing before they are asked for', () => {
    assert.deepEqual(runScenario('lazy'), [false, true]);
  });

  it('belong to streams', async () => {
    for (const device of listDevices()) {
      const stream = await Stream.create({ device: device.index });
      assert.equal(deviceOfStream(streamHandle(stream)), device);
      await stream.close();
      useDevice(device);
      for (const standard of [0, 1, 2]) assert.equal(deviceOfStream(standard), device);
    }
  });

  it('say what they can do, and are tried', () => {
    for (const device of listDevices()) {
      assert.deepEqual(deviceAttributes(device), {
        virtualMemory: true,
        posixDescriptors: true,
        multiProcessService: false,
      });
      assert.equal(probeStreamMemoryOperations(device), undefined);
      assert.equal(probeSharedMemory(device), undefined);
    }
    const environment = {
      SLUICE_SIMULATED_FAIL: 'cuStreamWaitValue64_v2:1+:801,cuMemImportFromShareableHandle:1+:801',
    };
    const problems = runScenario('probes', { environment }) as string[];
    assert.match(problems[0]!, /cuStreamWaitValue64 answered CUDA_ERROR_NOT_SUPPORTED/);
    assert.match(problems[1]!, /cuMemImportFromShareableHandle answered CUDA_ERROR_NOT_SUPPORTED/);
  });
});

describe('errors of the driver', { skip }, () => {
  function errorFor(code: number): unknown {
    try {
      checkCuda(code, 'cuSomething', 'do something');
    } catch (error) {
      return error;
    }
    return undefined;
  }

  it('name the attempt, the call and the result', () => {
    cudaDriver();
    assert.equal(errorFor(0), undefined);
    const error = errorFor(700);
    assert.ok(isSluiceError(error, 'CUDA_ERROR'));
    assert.match(
      error.message,
      /^cannot do something: cuSomething answered CUDA_ERROR_ILLEGAL_ADDRESS \(700\): ./,
    );
    const details = { call: 'cuSomething', code: 700, name: 'CUDA_ERROR_ILLEGAL_ADDRESS' };
    assert.deepEqual({ ...error.details }, details);
    assert.match((errorFor(12345) as Error).message, /an unknown error \(12345\)/);
  });

  it('have the code that a caller can act on', () => {
    assert.ok(isSluiceError(errorFor(2), 'NO_SPACE'));
    for (const code of [3, 34, 46, 100, 802, 803]) {
      assert.ok(isSluiceError(errorFor(code), 'CUDA_UNAVAILABLE'), String(code));
    }
    assert.ok(isSluiceError(errorFor(1), 'CUDA_ERROR'));
  });

  it('are sticky when CUDA is over for the process', () => {
    for (const code of [4, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719]) {
      assert.equal(isStickyCudaError(errorFor(code)), true, String(code));
    }
    for (const code of [1, 2, 100, 400, 600, 701, 712, 713, 801, 999]) {
      assert.equal(isStickyCudaError(errorFor(code)), false, String(code));
    }
    assert.equal(isStickyCudaError(new Error('else')), false);
  });
});
