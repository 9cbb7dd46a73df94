/** What src/ffi says of the CUDA driver is what cuda.h says: a C compiler compares them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { CUDA_RESULTS } from '../../../src/ffi/cuda-errors.js';
import {
  CUDA_PROTOTYPES,
  CUDA_STRUCTS,
  CUDA_TYPES,
  OLDER_CUDA_SYMBOLS,
} from '../../../src/ffi/cuda-prototypes.js';
import {
  CUDA_CONSTANTS,
  CUDA_LAYOUT,
  packAccessDescription,
  packAllocationProperties,
} from '../../../src/ffi/cuda-structs.js';
import { temporaryDirectory } from './descriptors.js';

const includeFolder = [process.env['CUDA_HOME'] ?? '/usr/local/cuda', '/usr']
  .map((root) => `${root}/include`)
  .find((folder) => existsSync(`${folder}/cuda.h`));
const compiler = ['cc', 'gcc', 'clang'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);
const skip =
  (includeFolder === undefined && 'cuda.h is not installed') ||
  (compiler === undefined && 'no C compiler');

/** Bytes of the types of koffi. */
const KOFFI_BYTES: Readonly<Record<string, number>> = {
  int: 4,
  'unsigned int': 4,
  uint32_t: 4,
  uint64_t: 8,
  uintptr_t: 8,
  'unsigned long long': 8,
};

/** Expression in C → value in src/ffi. */
const EXPECTED: ReadonlyMap<string, number> = new Map<string, number>([
  ...Object.entries(CUDA_CONSTANTS),
  ...Object.entries(CUDA_RESULTS),
  ...Object.entries(CUDA_TYPES).map(([type, koffiType]): [string, number] => [
    `sizeof(${type})`,
    KOFFI_BYTES[koffiType] ?? -1,
  ]),
  ['sizeof(CUuuid)', CUDA_LAYOUT.uuidBytes],
  ['sizeof(CUmemAllocationProp)', CUDA_LAYOUT.allocationPropertiesBytes],
  ['offsetof(CUmemAllocationProp, type)', CUDA_LAYOUT.allocationType],
  ['offsetof(CUmemAllocationProp, requestedHandleTypes)', CUDA_LAYOUT.allocationHandleTypes],
  ['offsetof(CUmemAllocationProp, location.type)', CUDA_LAYOUT.allocationLocationType],
  ['offsetof(CUmemAllocationProp, location.id)', CUDA_LAYOUT.allocationLocationId],
  ['sizeof(CUmemAccessDesc)', CUDA_LAYOUT.accessDescriptionBytes],
  ['offsetof(CUmemAccessDesc, location.type)', CUDA_LAYOUT.accessLocationType],
  ['offsetof(CUmemAccessDesc, location.id)', CUDA_LAYOUT.accessLocationId],
  ['offsetof(CUmemAccessDesc, flags)', CUDA_LAYOUT.accessFlags],
]);

/**
 * The structs as C fills them, against the packed ones. -D__CUDA_API_VERSION_INTERNAL makes the header declare every
 * version of a function under the name of its symbol.
 */
const COMPILER_FLAGS = ['-std=gnu11', '-Wall', '-Werror', '-D__CUDA_API_VERSION_INTERNAL'];

/** Enumerators that came with CUDA 12 and 13. */
const NEWER_THAN_SOME_HEADERS = new Set(['CUDA_ERROR_CONTAINED']);

describe('the bindings of the CUDA driver', { skip }, () => {
  const directory = temporaryDirectory();
  after(() => directory.remove());

  function compile(name: string, source: string, flags: readonly string[]): void {
    const path = join(directory.path, `${name}.c`);
    writeFileSync(path, `#include <cuda.h>\n#include <stddef.h>\n#include <stdio.h>\n${source}`);
    const command = [...COMPILER_FLAGS, `-I${includeFolder}`, ...flags, path];
    const compiled = spawnSync(compiler!, command, { encoding: 'utf8' });
    assert.equal(compiled.status, 0, compiled.stderr);
  }

  function outputOf(name: string, body: string): string {
    const program = join(directory.path, name);
    compile(name, `int main(void) {\n${body}\nreturn 0;\n}\n`, ['-o', program]);
    return spawnSync(program, { encoding: 'utf8' }).stdout;
  }

  it('have the numbers, sizes and offsets of the header', () => {
    const names = [...EXPECTED.keys()].filter((name) => !NEWER_THAN_SOME_HEADERS.has(name));
    const lines = names.map((name) => `printf("%lld\\n", (long long)(${name}));`);
    const found = outputOf('numbers', lines.join('\n')).trim().split('\n').map(Number);
    assert.deepEqual(
      new Map(names.map((name, index) => [name, found[index]])),
      new Map(names.map((name) => [name, EXPECTED.get(name)])),
    );
  });

  it('pack structs as C does', () => {
    const body = `
      CUmemAllocationProp properties = {0};
      properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
      properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
      properties.location = (CUmemLocation){CU_MEM_LOCATION_TYPE_DEVICE, 5};
      CUmemAccessDesc access[2] = {
        {{CU_MEM_LOCATION_TYPE_DEVICE, 6}, CU_MEM_ACCESS_FLAGS_PROT_READ},
        {{CU_MEM_LOCATION_TYPE_DEVICE, 7}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE}};
      for (size_t i = 0; i < sizeof properties; i++) printf("%02x", ((unsigned char *)&properties)[i]);
      for (size_t i = 0; i < sizeof access; i++) printf("%02x", ((unsigned char *)access)[i]);`;
    const packed = [
      packAllocationProperties(5),
      packAccessDescription(6, 'read'),
      packAccessDescription(7, 'read-write'),
    ];
    assert.equal(outputOf('structs', body), Buffer.concat(packed).toString('hex'));
  });

  it('declare each function as the header does', () => {
    const older = [...OLDER_CUDA_SYMBOLS].map(([call, symbol]) =>
      CUDA_PROTOTYPES[call].replace(/\w+\(/, `${symbol}(`),
    );
    const prototypes: readonly string[] = [...Object.values(CUDA_PROTOTYPES), ...older];
    // The use before the declaration fails when the header has no such symbol, the declaration when it has another.
    const lines = prototypes.map((prototype, index) => {
      const symbol = /(\w+)\(/.exec(prototype)![1]!;
      return `void *use_${index} = (void *)${symbol};\n${prototype};`;
    });
    compile('prototypes', lines.join('\n'), ['-fsyntax-only']);
  });

  it('name only types that are declared to koffi', () => {
    const known = new Set<string>([...Object.keys(CUDA_TYPES), ...CUDA_STRUCTS]);
    const named = Object.values(CUDA_PROTOTYPES).flatMap(
      (prototype) => prototype.match(/\b(?:CU[a-z]|cuuint)\w*/g) ?? [],
    );
    assert.deepEqual(
      [...new Set(named)].filter((type) => !known.has(type)),
      [],
    );
  });
});
