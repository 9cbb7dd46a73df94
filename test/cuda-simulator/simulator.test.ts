/** The simulator answers as a real driver does, and finds what a real one would only sometimes find. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { simulatedCuda, simulatedEnvironment, simulatorSources } from './simulator.js';

const simulator = simulatedCuda();
const skip = 'skip' in simulator && simulator.skip;
const program = fileURLToPath(new URL('./scenario.js', import.meta.url));
const includeFolder = [
  process.env['CUDA_HOME'] ?? '/usr/local/cuda',
  '/usr',
  '/usr/local/cuda-13.0',
]
  .map((root) => `${root}/include`)
  .find((folder) => existsSync(`${folder}/cuda.h`));

/** Questions asked at once: each mostly waits. */
const AT_ONCE = 16;

const run = promisify(execFile);

async function scenario(name: string, environment: Record<string, string> = {}): Promise<unknown> {
  const { stdout } = await run(process.execPath, [program, name], {
    env: simulatedEnvironment(environment),
    timeout: 60_000,
  });
  return JSON.parse(stdout);
}

function inTemporaryFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cuda-test-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compile(...options: string[]): void {
  const { status, stderr } = spawnSync(
    'cc',
    ['-std=gnu11', '-Wall', '-Wextra', '-Werror', ...options],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, stderr);
}

describe('the simulated CUDA driver', { skip }, () => {
  const header = { skip: includeFolder === undefined && 'cuda.h is not installed' };
  it('declares its calls and errors as cuda.h does', header, () => {
    inTemporaryFolder((folder) => {
      const file = join(folder, 'both.c');
      const lines = [
        '#include <cuda.h>',
        '#include "calls.h"',
        '#define SAME(name, code, text) _Static_assert((int)name == code, #name);',
        'SIMULATOR_ERRORS(SAME)',
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      compile('-fsyntax-only', `-I${includeFolder}`, `-I${simulatorSources}`, file);
    });
  });

  it('answers what a real one answered', () => {
    inTemporaryFolder((folder) => {
      const contract = join(folder, 'contract');
      const sources = join(simulatorSources, 'contract');
      const files = ['contract.c', 'questions.c', 'fences.c'].map((name) => join(sources, name));
      compile('-O1', '-o', contract, ...files, '-ldl', '-pthread');
      assert.ok('path' in simulator);
      const { stdout } = spawnSync(contract, [simulator.path, String(AT_ONCE)], {
        encoding: 'utf8',
        env: simulatedEnvironment(),
      });
      const expected = readFileSync(join(sources, 'answers.txt'), 'utf8').split('\n').slice(1);
      assert.deepEqual(stdout.split('\n'), expected);
    });
  });

  for (const device of ['0', '1']) {
    it(`carries frames and fences to GPU ${device} of another process and back`, async () => {
      assert.deepEqual(await scenario('twoProcesses', { PEER_DEVICE: device }), {
        peer: { fill: 1, store: 0, synchronize: 700, later: [700, 700] },
        differing: 0,
        own: 0,
      });
    });
  }

  it('does the work of a stream in order, and times it', async () => {
    const answers = await scenario('order', { SLUICE_SIMULATED_COPY_US_PER_MIB: '20000' });
    assert.deepEqual(answers, { neverRecorded: 0, early: [600, 0], copied: true, took40Ms: true });
  });

  it('faults where a queued job names memory that was unregistered, when asked to', async () => {
    const answers = await scenario('unregister', { SLUICE_SIMULATED_UNREGISTER: 'fault' });
    assert.deepEqual(answers, { call: 0, query: 700, word: 0 });
  });

  it('tells host pointers from device addresses, when asked to', async () => {
    const answers = await scenario('separatePointers', { SLUICE_SIMULATED_SEPARATE_POINTERS: '1' });
    assert.deepEqual(answers, {
      differ: true,
      byHost: 1,
      byDevice: 0,
      synchronize: 0,
      word: 2,
      unregisterByDevice: 713,
    });
  });

  it('fails where it is told to', async () => {
    const failures = 'cuStreamWriteValue64_v2:2:719,cuMemAlloc_v2:2+:2';
    const answers = await scenario('injected', { SLUICE_SIMULATED_FAIL: failures });
    assert.deepEqual(answers, { writes: [0, 719, 0], allocs: [0, 2, 2] });
  });

  it('has the GPUs and the memory that it is told to have', async () => {
    const two = { count: 2, first: [0xa0, 0xa1], taken: 0, tooMuch: 0, peers: 1 };
    assert.deepEqual(await scenario('machine'), two);
    assert.deepEqual(await scenario('machine', { SLUICE_SIMULATED_GPUS: '0' }), { init: 100 });
    const small = {
      SLUICE_SIMULATED_GPUS: '3',
      SLUICE_SIMULATED_PEERS: '0',
      SLUICE_SIMULATED_BYTES: String(8 * 2 ** 20),
      CUDA_VISIBLE_DEVICES: '2,0',
    };
    assert.deepEqual(await scenario('machine', small), {
      count: 2,
      first: [0xa2, 0xa0],
      taken: 0,
      tooMuch: 2,
      peers: 0,
    });
  });
});
