/** Helper of libc.test.ts: what a fresh process has loaded, and may load. */
import { readFileSync } from 'node:fs';
import { memfdCreate, setNotDumpable } from '../../../src/ffi/index.js';
import { libcFunction } from '../../../src/ffi/koffi.js';
import '../../../src/memory/index.js';

function koffiIsLoaded(): boolean {
  return readFileSync('/proc/self/maps', 'utf8').includes('koffi');
}

const scenarios: Readonly<Record<string, () => string>> = {
  lazy: () => {
    const before = koffiIsLoaded();
    memfdCreate('test', { sealing: true });
    return `${before} ${koffiIsLoaded()}`;
  },
  forbidden: () => {
    try {
      memfdCreate('test', { sealing: true });
      return 'no error';
    } catch (error) {
      return (error as { code: string }).code;
    }
  },
  dumpable: () => {
    const prctl = libcFunction<(option: number, value: number) => number>(
      'int prctl(int option, int64_t value)',
    );
    const PR_GET_DUMPABLE = 3;
    const before = prctl(PR_GET_DUMPABLE, 0);
    setNotDumpable();
    return `${before} ${prctl(PR_GET_DUMPABLE, 0)}`;
  },
};

console.log(scenarios[process.argv[2]!]!());
