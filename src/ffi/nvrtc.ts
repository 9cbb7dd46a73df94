/** NVRTC: the CUDA C++ compiler as a library (libnvrtc), which may be absent where the driver is not. */
import { SluiceError } from '../core/index.js';
import { cudaOut, loadCudaLibrary, outI32, outText, outU64 } from './cuda-driver.js';
import { lazily } from './koffi.js';

/** nvrtcResult, nvrtc.h. */
const NVRTC_SUCCESS = 0;

/** Newest first: a newer compiler knows the newer GPUs. */
const LIBRARY_NAMES = ['libnvrtc.so.13', 'libnvrtc.so.12', 'libnvrtc.so'] as const;

/** nvrtc.h; nvrtcResult is an int, nvrtcProgram a pointer. */
const PROTOTYPES = Object.freeze({
  nvrtcVersion: 'int nvrtcVersion(int *major, int *minor)',
  nvrtcGetErrorString: 'const char *nvrtcGetErrorString(int result)',
  nvrtcGetNumSupportedArchs: 'int nvrtcGetNumSupportedArchs(int *count)',
  nvrtcGetSupportedArchs: 'int nvrtcGetSupportedArchs(int *architectures)',
  nvrtcCreateProgram:
    'int nvrtcCreateProgram(uintptr_t *program, const char *source, const char *name, int count, const char * const *headers, const char * const *includeNames)',
  nvrtcDestroyProgram: 'int nvrtcDestroyProgram(uintptr_t *program)',
  nvrtcAddNameExpression: 'int nvrtcAddNameExpression(uintptr_t program, const char *name)',
  nvrtcCompileProgram:
    'int nvrtcCompileProgram(uintptr_t program, int count, const char * const *options)',
  nvrtcGetLoweredName:
    'int nvrtcGetLoweredName(uintptr_t program, const char *name, const char **lowered)',
  nvrtcGetPTXSize: 'int nvrtcGetPTXSize(uintptr_t program, size_t *byteLength)',
  nvrtcGetPTX: 'int nvrtcGetPTX(uintptr_t program, char *ptx)',
  nvrtcGetProgramLogSize: 'int nvrtcGetProgramLogSize(uintptr_t program, size_t *byteLength)',
  nvrtcGetProgramLog: 'int nvrtcGetProgramLog(uintptr_t program, char *log)',
});

type NvrtcName = keyof typeof PROTOTYPES;
type NvrtcFunction = ReturnType<ReturnType<typeof loadCudaLibrary>['func']>;

const calls = lazily((): Readonly<Record<NvrtcName, NvrtcFunction>> => {
  const chosen = process.env['SLUICE_NVRTC_LIBRARY'];
  const names = chosen === undefined || chosen === '' ? LIBRARY_NAMES : [chosen];
  const library = loadCudaLibrary('the CUDA compiler NVRTC', names, {
    remedy:
      'Install NVRTC, which is part of the CUDA toolkit, or compile to PTX elsewhere and use loadKernel.',
  });
  const bound: Partial<Record<NvrtcName, NvrtcFunction>> = {};
  for (const name of Object.keys(PROTOTYPES) as NvrtcName[]) {
    bound[name] = library.func(PROTOTYPES[name]);
  }
  return bound as Record<NvrtcName, NvrtcFunction>;
});

/** CUDA C++ to be compiled. */
export interface CudaSource {
  readonly source: string;
  /** The kernel as C++ names it, such as `scale` or `scale<float>`. */
  readonly name: string;
  /** `[9, 0]`: the GPU that is to run it. */
  readonly computeCapability: readonly [number, number];
  /** Options of nvrtcCompileProgram, such as '--use_fast_math'. */
  readonly options: readonly string[];
  /** Include name → text. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What NVRTC made of a source. */
export interface CompiledSource {
  readonly ptx: string;
  /** The kernel's name in the PTX: mangled unless the source says extern "C". */
  readonly entry: string;
}

/** '13.0'. Throws `CUDA_UNAVAILABLE` when NVRTC is not installed. */
export function nvrtcLibraryVersion(): string {
  const minor = new Int32Array(1);
  check(calls().nvrtcVersion(cudaOut, minor), 'nvrtcVersion', 'ask for the version of NVRTC');
  return `${outI32()}.${minor[0]}`;
}

/**
 * Compiles on another thread, in 20 ms to seconds. Throws `CUDA_UNAVAILABLE` when NVRTC is not installed and
 * `CUDA_ERROR` with the compiler's messages in `details.log`.
 */
export async function compileToPtx(input: CudaSource): Promise<CompiledSource> {
  const attempt = `compile the kernel '${input.name}'`;
  const texts = Object.values(input.headers);
  const includeNames = Object.keys(input.headers);
  const created = calls().nvrtcCreateProgram(
    cudaOut,
    input.source,
    'kernel.cu',
    texts.length,
    texts.length === 0 ? null : texts,
    texts.length === 0 ? null : includeNames,
  ) as number;
  check(created, 'nvrtcCreateProgram', attempt);
  const program = outU64();
  try {
    check(calls().nvrtcAddNameExpression(program, input.name), 'nvrtcAddNameExpression', attempt);
    const options = [`--gpu-architecture=${architecture(input.computeCapability)}`];
    options.push(...input.options);
    const result = await compile(program, options);
    if (result !== NVRTC_SUCCESS) throw compilationError(result, attempt, readLog(program));
    check(
      calls().nvrtcGetLoweredName(program, input.name, cudaOut),
      'nvrtcGetLoweredName',
      attempt,
    );
    const entry = outText();
    return { ptx: readText(program, 'nvrtcGetPTXSize', 'nvrtcGetPTX', attempt), entry };
  } finally {
    calls().nvrtcDestroyProgram(new BigUint64Array([BigInt(program)]));
  }
}

function compile(program: number, options: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, result: number): void => {
      if (error === null || error === undefined) resolve(result);
      else reject(error);
    };
    calls().nvrtcCompileProgram.async(program, options.length, options, done);
  });
}

/** The newest architecture that this compiler knows and that GPU runs; the driver compiles its PTX for the GPU. */
function architecture([major, minor]: readonly [number, number]): string {
  const wanted = major * 10 + minor;
  const attempt = 'ask NVRTC for its architectures';
  check(calls().nvrtcGetNumSupportedArchs(cudaOut), 'nvrtcGetNumSupportedArchs', attempt);
  const known = new Int32Array(outI32());
  check(calls().nvrtcGetSupportedArchs(known), 'nvrtcGetSupportedArchs', attempt);
  const usable = [...known].filter((candidate) => candidate <= wanted);
  return `compute_${usable.length === 0 ? wanted : Math.max(...usable)}`;
}

function readLog(program: number): string {
  return readText(
    program,
    'nvrtcGetProgramLogSize',
    'nvrtcGetProgramLog',
    'read the messages of NVRTC',
  );
}

function readText(
  program: number,
  sizeCall: 'nvrtcGetPTXSize' | 'nvrtcGetProgramLogSize',
  textCall: 'nvrtcGetPTX' | 'nvrtcGetProgramLog',
  attempt: string,
): string {
  check(calls()[sizeCall](program, cudaOut), sizeCall, attempt);
  const text = Buffer.alloc(outU64());
  check(calls()[textCall](program, text), textCall, attempt);
  const end = text.indexOf(0);
  return text.toString('utf8', 0, end < 0 ? text.byteLength : end);
}

function check(result: number, call: string, attempt: string): void {
  if (result === NVRTC_SUCCESS) return;
  const name = resultName(result);
  throw new SluiceError('CUDA_ERROR', `cannot ${attempt}: ${call} answered ${name} (${result})`, {
    details: { call, code: result, name },
  });
}

function compilationError(result: number, attempt: string, log: string): SluiceError {
  const name = resultName(result);
  return new SluiceError('CUDA_ERROR', `cannot ${attempt}: ${name} (${result})\n${log.trim()}`, {
    details: { call: 'nvrtcCompileProgram', code: result, name, log },
    remedy: 'Mend the source: `details.log` has the messages of the compiler.',
  });
}

function resultName(result: number): string {
  return String(calls().nvrtcGetErrorString(result));
}
