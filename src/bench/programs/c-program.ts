/** C programs that are measured beside Sluice: compiled at run time, where there are sources and a compiler. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const COMPILE_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 60_000;

export type CProgramName = 'ring' | 'pingpong' | 'socket' | 'pipe';

/** The path of the compiled program, or why there is none. */
export type CProgram =
  | { readonly path: string; readonly missing?: undefined }
  | { readonly path?: undefined; readonly missing: string };

/** Compiles `bench/c/<name>.c` into `folder`. Rejects when a compiler is there and refuses the source. */
export async function compileC(name: CProgramName, folder: string): Promise<CProgram> {
  const source = fileURLToPath(new URL(`../../../../bench/c/${name}.c`, import.meta.url));
  if (!existsSync(source)) return { missing: 'comes with the sources only' };
  const path = join(folder, name);
  try {
    await execute('cc', ['-O3', '-o', path, source], { timeout: COMPILE_TIMEOUT_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { missing: 'no C compiler' };
    throw error;
  }
  return { path };
}

/** Runs a program that prints one number. Rejects with what it wrote to its error output. */
export async function runC(path: string, values: readonly number[]): Promise<number> {
  const { stdout } = await execute(path, values.map(String), {
    timeout: RUN_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const result = Number(stdout);
  if (Number.isFinite(result) && result > 0) return result;
  throw new Error(`${path} printed ${JSON.stringify(stdout.slice(0, 100))} instead of a number`);
}
