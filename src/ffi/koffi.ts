/**
 * The only file that imports koffi, the foreign function interface. Nothing native is loaded before the first call
 * of a function in this layer, so that `sluice ls`, which reads JSON files, does not pay for it (about 8 ms).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type Koffi from 'koffi';
import type { LibraryHandle } from 'koffi';
import { SluiceError, printable } from '../core/index.js';

/** glibc everywhere, then musl by its soname: `libc.so` is a linker script on glibc and the library itself on musl. */
const LIBC_NAMES = [
  'libc.so.6',
  `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`,
  'libc.so',
] as const;

type KoffiModule = typeof Koffi;

let koffiModule: KoffiModule | undefined;
let libc: LibraryHandle | undefined;

/** koffi itself. Throws `UNSUPPORTED` where native code cannot be loaded. */
export function koffi(): KoffiModule {
  if (koffiModule === undefined) {
    koffiModule = loadKoffi();
    if (!isMainThread) keepLoaded();
  }
  return koffiModule;
}

/**
 * A worker that ends unloads its native modules before its event loop has run their last callbacks: with an open
 * watch that is SIGSEGV when no other thread holds koffi. (musl never unloads.)
 */
function keepLoaded(): void {
  const path = /\/\S.*koffi\.node$/m.exec(readFileSync('/proc/self/maps', 'utf8'))?.[0];
  if (path !== undefined) keepLibraryLoaded(path);
}

/** dlopen(3) RTLD_NODELETE: the code stays where it is when its last user unloads it. */
export function keepLibraryLoaded(name: string): void {
  const RTLD_LAZY = 0x1;
  const RTLD_NODELETE = 0x1000;
  const prototype = 'void *dlopen(const char *path, int mode)';
  let dlopen: (path: string, mode: number) => unknown;
  try {
    dlopen = libcFunction(prototype);
  } catch {
    // Part of libc since glibc 2.34.
    dlopen = loadLibrary(['libdl.so.2']).func(prototype);
  }
  dlopen(name, RTLD_LAZY | RTLD_NODELETE);
}

/**
 * The structs and constants of this layer are those of 64-bit little-endian Linux on x86-64 and arm64, which agree
 * in all that is used here (other architectures number some socket options differently).
 */
export function systemProblem(platform: string, architecture: string): string | undefined {
  if (platform !== 'linux') return `the system is ${platform}, and Linux is needed`;
  if (architecture !== 'x64' && architecture !== 'arm64') {
    return `the processor is ${architecture}, and x64 or arm64 is needed`;
  }
  return undefined;
}

function loadKoffi(): KoffiModule {
  const problem = systemProblem(process.platform, process.arch);
  if (problem !== undefined)
    throw new SluiceError('UNSUPPORTED', `cannot call the C library: ${problem}`);
  try {
    return createRequire(import.meta.url)('koffi') as KoffiModule;
  } catch (cause) {
    throw new SluiceError(
      'UNSUPPORTED',
      `cannot load koffi, the foreign function interface: ${reason(cause)}`,
      {
        remedy:
          'Reinstall without --omit=optional; do not run with --permission or --experimental-permission.',
        cause,
      },
    );
  }
}

/** Loads the first library of `names` that exists; `UNSUPPORTED` with every attempt when there is none. */
export function loadLibrary(names: readonly string[]): LibraryHandle {
  const attempts: string[] = [];
  for (const name of names) {
    try {
      return koffi().load(name);
    } catch (error) {
      if (error instanceof SluiceError) throw error;
      attempts.push(`${name}: ${reason(error)}`);
    }
  }
  throw new SluiceError('UNSUPPORTED', `cannot load any of ${names.join(', ')}`, {
    details: { attempts },
  });
}

/** Binds one C function of libc from its prototype; `UNSUPPORTED` when this libc lacks it. */
export function libcFunction<F extends (...values: never[]) => unknown>(prototype: string): F {
  libc ??= loadLibrary(LIBC_NAMES);
  try {
    return libc.func(prototype) as unknown as F;
  } catch (cause) {
    throw new SluiceError(
      'UNSUPPORTED',
      `the C library has no usable '${prototype}': ${reason(cause)}`,
      { cause },
    );
  }
}

/** A value made at the first call and kept: how a file holds its C functions without loading them at import. */
export function lazily<T extends object>(make: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= make());
}

/** `errno` of the last C call of this thread. */
export function lastErrno(): number {
  return koffi().errno();
}

/** The address of the bytes of `memory`; it stays the same for as long as `memory` is alive. */
export function addressOf(memory: Uint8Array): bigint {
  return koffi().address(memory);
}

/**
 * Memory of this process as an ArrayBuffer, by its address: for another thread than the one that mapped it, which must
 * keep it in place meanwhile. Touching it after that is SIGSEGV.
 */
export function viewAt(address: number, byteLength: number): ArrayBuffer {
  return koffi().view(address, byteLength);
}

function reason(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}
