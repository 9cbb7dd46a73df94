/**
 * The simulator of the CUDA driver, for tests on machines without a GPU: compiled once from the C files of this folder
 * (simulator.h says how it works) and loaded through `$SLUICE_CUDA_LIBRARY`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the C files are; this file runs from dist/. */
export const simulatorSources = fileURLToPath(
  new URL('../../../test/cuda-simulator/', import.meta.url),
);

/**
 * -z nodelete: the threads of the streams outlive a worker that loaded the library. -Bsymbolic: its own calls stay its
 * own even where the real driver is loaded too.
 */
const FLAGS = [
  ...['-shared', '-fPIC', '-pthread', '-std=gnu11', '-O1', '-g', '-fvisibility=hidden'],
  ...['-Wall', '-Wextra', '-Werror', '-Wl,-z,nodelete', '-Wl,-Bsymbolic'],
];

/** Outside of the folder: what kernels and their twins have in common. */
const SHARED_HEADERS = [
  'ring-layout',
  'pixels-layout',
  'overlay-layout',
  'letters',
  'speech-layout',
].map((name) => `../../kernels/${name}.h`);

const LIBRARY = 'libcuda-simulator.so';

/** What `cuModuleLoadData` of the simulator takes for PTX: it finds every kernel of its own in it. */
export const SIMULATED_PTX = '.version 8.0\n.target sm_52\n.address_size 64\n';

let compiled: { readonly path: string } | { readonly skip: string } | undefined;

/**
 * The path of the simulator, compiled when this is its first use on the machine, or why there is none here. Throws
 * with the messages of the compiler when the sources do not compile.
 */
export function simulatedCuda(): { readonly path: string } | { readonly skip: string } {
  return (compiled ??= compile());
}

/**
 * The environment of this process for a child that is to use the simulator, with `extra` on top: the SLUICE_SIMULATED_*
 * variables (driver.c reads them). Throws where there is no simulator: ask `simulatedCuda` first.
 */
export function simulatedEnvironment(
  extra: Readonly<Record<string, string>> = {},
): Record<string, string | undefined> {
  const simulator = simulatedCuda();
  if ('skip' in simulator) throw new Error(`no simulated CUDA driver here: ${simulator.skip}`);
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('SLUICE_SIMULATED_') && name !== 'CUDA_VISIBLE_DEVICES',
  );
  return { ...Object.fromEntries(inherited), SLUICE_CUDA_LIBRARY: simulator.path, ...extra };
}

function compile(): { readonly path: string } | { readonly skip: string } {
  const names = readdirSync(simulatorSources)
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
  const hash = createHash('sha256').update(JSON.stringify(FLAGS));
  for (const name of names) hash.update(name).update(readFileSync(join(simulatorSources, name)));
  for (const name of SHARED_HEADERS) hash.update(readFileSync(join(simulatorSources, name)));
  const key = `${process.getuid?.() ?? 0}-${hash.digest('hex').slice(0, 16)}`;
  const folder = join(tmpdir(), `sluice-cuda-simulator-${key}`);
  const path = join(folder, LIBRARY);
  if (existsSync(path)) return { path };

  // Made beside its place and renamed: of two test processes that compile at once, both find a whole library.
  const making = mkdtempSync(`${folder}-`);
  try {
    const sources = names.filter((name) => name.endsWith('.c'));
    const run = spawnSync('cc', [...FLAGS, '-o', join(making, LIBRARY), ...sources], {
      cwd: simulatorSources,
      encoding: 'utf8',
    });
    if (run.error !== undefined) return { skip: `no C compiler runs here: ${run.error.message}` };
    if (run.status !== 0) throw new Error(`the simulator does not compile:\n${run.stderr}`);
    try {
      renameSync(making, folder);
    } catch (error) {
      if (!existsSync(path)) throw error;
    }
    return { path };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
