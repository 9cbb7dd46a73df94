import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readText, repositoryRoot } from './tree.js';

/** Pages whose TypeScript must compile, with what their blocks take for granted beside the exports of Sluice. */
const PAGES: Readonly<Record<string, string>> = {
  'docs/gpu.md': `
    const SOURCE: string, PIXELS_H: string;
    const format: sluice.TensorFormat;
    const pointer: bigint;
    const stream: cuda.Stream, second: cuda.Stream;
    const kernel: cuda.Kernel, speak: cuda.Kernel;
    const contexts: cuda.DeviceBuffer;
    const output: sluice.FramePublisher<sluice.VideoFormat>;
    const view: sluice.FrameSubscriber<sluice.VideoFormat>;`,
  'README.md': `
    function decodeInto(bytes: Uint8Array, pitchBytes: number): void;
    interface Box { x: number; y: number; label: string }
    const schema: sluice.StandardSchema<Box[]>;
    const frame: sluice.Frame<sluice.VideoFormat>;
    const SOURCE: string;
    const format: sluice.VideoFormat;`,
};

/** Every value that Sluice exports, so that a block need not import what the one before it did. */
function valuesOf(api: string, from: string): string {
  const names = [
    ...readText(api).matchAll(
      /^export (?:const|function|class) (\w+)|^export \{ \w+ as (\w+) \}/gm,
    ),
  ].map((match) => match[1] ?? match[2] ?? '');
  return [...new Set(names)].map((name) => `const ${name}: typeof ${from}.${name};`).join('\n');
}

const CONFIG = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2022', 'ESNext.Disposable'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  },
};

const folder = mkdtempSync(join(tmpdir(), 'sluice-documents-'));
after(() => rmSync(folder, { recursive: true }));

/** What the compiler says of the blocks of a page; nothing when all is well. */
function compilerMessages(page: string, given: string): string {
  const own = join(folder, page.replaceAll('/', '-'));
  mkdirSync(join(own, 'node_modules/@types'), { recursive: true });
  symlinkSync(repositoryRoot, join(own, 'node_modules/sluice'));
  for (const name of ['@types/node', 'undici-types']) {
    symlinkSync(join(repositoryRoot, 'node_modules', name), join(own, 'node_modules', name));
  }
  writeFileSync(join(own, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(own, 'tsconfig.json'), JSON.stringify(CONFIG));
  const values = [
    valuesOf('docs/api/sluice.api.md', 'sluice'),
    valuesOf('docs/api/sluice-cuda.api.md', 'cuda'),
  ];
  const globals = [
    "import type * as sluice from 'sluice';",
    "import type * as cuda from 'sluice/cuda';",
    `declare global {${[...values, given].join('\n')}}`,
  ];
  writeFileSync(join(own, 'globals.d.ts'), globals.join('\n'));
  const blocks = [...readText(page).matchAll(/^```ts\n([\s\S]*?)^```$/gm)];
  assert.ok(blocks.length > 0, page);
  for (const [index, block] of blocks.entries()) {
    // Names of a block are its own, also where they are those of the globals.
    const lines = (block[1] ?? '').split('\n');
    const imports = lines.filter((line) => line.startsWith('import '));
    const body = lines.filter((line) => !line.startsWith('import '));
    const text = [
      ...imports,
      'async function block(): Promise<void> {',
      ...body,
      '}',
      'void block;',
    ];
    writeFileSync(join(own, `block-${index + 1}.ts`), [...text, 'export {};', ''].join('\n'));
  }
  const compiler = join(repositoryRoot, 'node_modules/.bin/tsc');
  const { status, stdout, stderr } = spawnSync(compiler, ['-p', own], { encoding: 'utf8' });
  return status === 0 ? '' : stdout + stderr;
}

describe('TypeScript in documents', () => {
  for (const [page, given] of Object.entries(PAGES)) {
    it(`compiles in ${page}`, () => {
      assert.equal(compilerMessages(page, given), '');
    });
  }
});
