import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { addressOf } from '../../../src/ffi/index.js';
import { isSluiceError } from '../../../src/core/index.js';
import {
  compileKernel,
  copyToHost,
  DeviceBuffer,
  loadKernel,
  nvrtcVersion,
  Stream,
  streamHandle,
} from '../../../src/gpu/index.js';
import { SIMULATED_PTX } from '../../cuda-simulator/simulator.js';
import { temporaryDirectory } from '../ffi/descriptors.js';
import { skip } from './simulated.js';

const options = { skip, timeout: 30_000 };

async function readWord(stream: Stream, memory: DeviceBuffer): Promise<number> {
  const word = Buffer.alloc(4);
  copyToHost(streamHandle(stream), Number(addressOf(word)), Number(memory.pointer), 4);
  await stream.synchronize();
  return word.readUInt32LE(0);
}

describe('kernels', options, () => {
  it('run on the stream with their arguments', async () => {
    for (const device of [0, 1]) {
      await using stream = await Stream.create({ device });
      using memory = DeviceBuffer.create(4096, { device });
      using result = DeviceBuffer.create(4, { device });
      using stamp = loadKernel(SIMULATED_PTX, 'stamp', { device });
      using check = loadKernel(SIMULATED_PTX, 'check', { device });
      using store = loadKernel(SIMULATED_PTX, 'store32', { device });
      assert.equal(stamp.name, 'stamp');
      assert.equal(stamp.device.index, device);
      const launch = { grid: 4, block: [256], stream };
      store.launch({ grid: 1, block: 1, stream, args: [result.pointer, { u32: 0 }] });
      stamp.launch({ ...launch, args: [memory.pointer, { u64: 1024 }, { u32: 0x8000_0001 }] });
      const seed = { u32: 0x8000_0001 };
      check.launch({ ...launch, args: [memory.pointer, 1024n, seed, result.pointer] });
      assert.equal(await readWord(stream, result), 0);
      store.launch({
        grid: [1, 1, 1],
        block: [1, 1],
        stream: stream.handle,
        args: [memory.pointer, -5],
      });
      check.launch({ ...launch, args: [memory.pointer, 1024n, seed, result.pointer] });
      assert.equal(await readWord(stream, result), 1);
    }
  });

  it('refuse arguments of other sizes than theirs', async () => {
    await using stream = await Stream.create();
    using store = loadKernel(SIMULATED_PTX, 'store32');
    const launch = { grid: 1, block: 1, stream };
    for (const args of [[], [1n], [1n, 2n], [1, 2], [1n, 2, 3]]) {
      assert.throws(() => store.launch({ ...launch, args }), {
        name: 'TypeError',
        message: /^kernel 'store32' takes 2 arguments of 8, 4 bytes, got/,
      });
    }
  });

  it('refuse sizes that are none', async () => {
    await using stream = await Stream.create();
    using delay = loadKernel(SIMULATED_PTX, 'delay');
    const wrong: [number | number[], number | number[]][] = [
      [0, 1],
      [1, 0],
      [1.5, 1],
      [[], 1],
      [[1, 1, 1, 1], 1],
      [1, [1, -1]],
    ];
    for (const [grid, block] of wrong) {
      assert.throws(() => delay.launch({ grid, block, stream, args: [1n] }), RangeError);
    }
    assert.throws(() => delay.launch({ grid: 1, block: 2048, stream, args: [1n] }), {
      code: 'CUDA_ERROR',
      message: /^cannot run the kernel 'delay': cuLaunchKernel answered/,
    });
    assert.throws(
      () => delay.launch({ grid: 1, block: 1, stream: 5 as unknown as bigint, args: [1n] }),
      TypeError,
    );
  });

  it('end once', async () => {
    await using stream = await Stream.create();
    const kernel = loadKernel(SIMULATED_PTX, 'delay');
    kernel.close();
    kernel.close();
    assert.throws(() => kernel.launch({ grid: 1, block: 1, stream, args: [1n] }), {
      code: 'CLOSED',
    });
  });

  it('that cannot be loaded say why', () => {
    assert.throws(() => loadKernel('no ptx', 'store32'), {
      code: 'CUDA_ERROR',
      message:
        /^cannot load the kernel 'store32': cuModuleLoadDataEx answered .*INVALID_(?:PTX|IMAGE)/,
    });
    assert.throws(() => loadKernel(SIMULATED_PTX, 'no_such_kernel'), {
      code: 'CUDA_ERROR',
      message: /^cannot load the kernel 'no_such_kernel': cuModuleGetFunction answered/,
    });
    assert.throws(() => loadKernel(SIMULATED_PTX, 'store32', { device: 9 }), {
      code: 'WRONG_DEVICE',
    });
  });
});

/** Stands in for NVRTC: checks its arguments, "compiles" what does not say `error`. */
const COMPILER_SOURCE = String.raw`
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct program { char source[4096], name[256], log[4096]; int headers; };
int nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 7; return 0; }
const char *nvrtcGetErrorString(int code) { return code == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR"; }
int nvrtcGetNumSupportedArchs(int *count) { *count = 3; return 0; }
int nvrtcGetSupportedArchs(int *archs) { archs[0] = 75; archs[1] = 89; archs[2] = 100; return 0; }
int nvrtcCreateProgram(struct program **program, const char *source, const char *name, int count,
                       const char *const *headers, const char *const *names) {
  *program = calloc(1, sizeof **program);
  strcpy((*program)->source, source);
  for (int i = 0; i < count; i++) {
    strcat((*program)->log, names[i]);
    strcat((*program)->log, "=");
    strcat((*program)->log, headers[i]);
    strcat((*program)->log, "\n");
  }
  return 0;
}
int nvrtcDestroyProgram(struct program **program) { free(*program); *program = NULL; return 0; }
int nvrtcAddNameExpression(struct program *program, const char *name) { strcpy(program->name, name); return 0; }
int nvrtcCompileProgram(struct program *program, int count, const char *const *options) {
  for (int i = 0; i < count; i++) { strcat(program->log, options[i]); strcat(program->log, "\n"); }
  return strstr(program->source, "error") == NULL ? 0 : 6;
}
int nvrtcGetLoweredName(struct program *program, const char *name, const char **lowered) {
  *lowered = program->name;
  return strcmp(program->name, name) == 0 ? 0 : 10;
}
int nvrtcGetPTXSize(struct program *program, size_t *size) { *size = strlen(program->source) + 1; return 0; }
int nvrtcGetPTX(struct program *program, char *ptx) { strcpy(ptx, program->source); return 0; }
int nvrtcGetProgramLogSize(struct program *program, size_t *size) { *size = strlen(program->log) + 1; return 0; }
int nvrtcGetProgramLog(struct program *program, char *log) { strcpy(log, program->log); return 0; }
`;

describe('kernels from source', options, () => {
  const directory = temporaryDirectory();
  after(() => directory.remove());
  const source = join(directory.path, 'nvrtc.c');
  const library = join(directory.path, 'libnvrtc.so');
  writeFileSync(source, COMPILER_SOURCE);
  spawnSync('cc', ['-shared', '-fPIC', '-o', library, source], { stdio: 'inherit' });
  process.env['SLUICE_NVRTC_LIBRARY'] = library;

  it('are compiled and loaded', async () => {
    assert.equal(nvrtcVersion(), '13.7');
    await using stream = await Stream.create({ device: 1 });
    using memory = DeviceBuffer.create(4, { device: 1 });
    using kernel = await compileKernel(SIMULATED_PTX, 'store32', { device: 1 });
    kernel.launch({ grid: 1, block: 1, stream, args: [memory.pointer, 9] });
    assert.equal(await readWord(stream, memory), 9);
  });

  it('that are wrong come with the messages of the compiler', async () => {
    const compiling = compileKernel('error', 'scale', {
      options: ['--use_fast_math', '-DN=3'],
      headers: { 'a.h': 'int a;', 'b.h': 'int b;' },
    });
    await assert.rejects(compiling, (error) => {
      assert.ok(isSluiceError(error, 'CUDA_ERROR'));
      assert.match(
        error.message,
        /^cannot compile the kernel 'scale': NVRTC_ERROR_COMPILATION \(6\)/,
      );
      // The newest architecture that runs on a GPU of 9.0.
      const log = 'a.h=int a;\nb.h=int b;\n--gpu-architecture=compute_89\n--use_fast_math\n-DN=3\n';
      assert.equal(error.details['log'], log);
      return true;
    });
  });
});
