import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSluiceError } from '../../../src/core/index.js';
import {
  compileKernel,
  cudaProblem,
  deviceByUuid,
  driverVersion,
  Event,
  findDevice,
  listDevices,
  nvrtcVersion,
  Stream,
} from '../../../src/gpu/index.js';
import { simulatedCuda } from '../../cuda-simulator/simulator.js';

const simulator = simulatedCuda();
process.env['SLUICE_CUDA_LIBRARY'] = '/no/such/libcuda.so';
process.env['SLUICE_NVRTC_LIBRARY'] = '/no/such/libnvrtc.so';

describe('without the CUDA driver', () => {
  it('says what was tried and what to do', () => {
    const problem = cudaProblem();
    assert.ok(isSluiceError(problem, 'CUDA_UNAVAILABLE'));
    assert.match(problem.message, /\/no\/such\/libcuda\.so/);
    assert.match(problem.remedy, /driver/);
    const attempts = problem.details['attempts'] as unknown[];
    assert.equal(attempts.length, 1);
    assert.match(String(attempts[0]), /^\/no\/such\/libcuda\.so: /);
  });

  it('tries the usual places when none is named', () => {
    const chosen = process.env['SLUICE_CUDA_LIBRARY'];
    process.env['SLUICE_CUDA_LIBRARY'] = '';
    const problem = cudaProblem();
    process.env['SLUICE_CUDA_LIBRARY'] = chosen;
    if (problem === undefined) return;
    assert.equal(problem.code, 'CUDA_UNAVAILABLE');
    const attempts = problem.details['attempts'];
    if (attempts !== undefined) assert.equal((attempts as unknown[]).length, 2);
  });

  it('fails with CUDA_UNAVAILABLE whatever is asked', async () => {
    const unavailable = { code: 'CUDA_UNAVAILABLE' };
    if (cudaProblem() === undefined) return;
    assert.throws(() => listDevices(), unavailable);
    assert.throws(() => findDevice(undefined, 'test'), unavailable);
    assert.throws(() => deviceByUuid('GPU-00'), unavailable);
    assert.throws(() => driverVersion(), unavailable);
    assert.throws(() => Event.create(), unavailable);
    await assert.rejects(Stream.create(), unavailable);
    await assert.rejects(compileKernel('', 'kernel'), unavailable);
    assert.equal(nvrtcVersion(), undefined);
  });

  it('looks again at the next call', { skip: 'skip' in simulator && simulator.skip }, async () => {
    process.env['SLUICE_CUDA_LIBRARY'] = (simulator as { path: string }).path;
    assert.equal(cudaProblem(), undefined);
    assert.equal(listDevices().length, 2);
    await assert.rejects(compileKernel('', 'kernel'), (error) => {
      assert.ok(isSluiceError(error, 'CUDA_UNAVAILABLE'));
      assert.match(error.message, /NVRTC.*\/no\/such\/libnvrtc\.so/);
      assert.match(error.remedy, /loadKernel/);
      return true;
    });
  });
});
