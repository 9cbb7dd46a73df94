import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import { codeFiles, importSpecifiers, readText, textFiles } from './tree.js';

const BELOW_BUS = ['core', 'tensor', 'format', 'layout', 'ring', 'ffi', 'gpu', 'memory', 'pixels'];

/** Layer → what it may import. `face` is src/index.ts and the other files beside it. A layer is a folder of src/. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  tensor: ['core'],
  format: ['core', 'tensor'],
  pixels: ['core', 'tensor', 'format'],
  layout: ['core'],
  ring: ['core', 'layout'],
  ffi: ['core'],
  gpu: ['core', 'ffi'],
  memory: ['core', 'ffi', 'gpu'],
  bus: BELOW_BUS,
  video: [...BELOW_BUS, 'bus'],
  terminal: [...BELOW_BUS, 'bus'],
  face: [...BELOW_BUS, 'bus', 'video', 'terminal'],
  demo: [...BELOW_BUS, 'bus', 'video', 'terminal', 'face'],
  bench: [...BELOW_BUS, 'bus', 'video', 'terminal', 'face'],
  cli: [...BELOW_BUS, 'bus', 'video', 'terminal', 'face', 'demo', 'bench'],
};

/** Layers that are plain computation: no I/O, no clock, no foreign call, no package. */
const PURE = ['core', 'tensor', 'format', 'pixels', 'layout', 'ring'];

/** Package → the only files that may import it. */
const PACKAGE_HOMES: Readonly<Record<string, RegExp>> = {
  koffi: /^src\/ffi\/koffi\.ts$/,
  '@mcap/core': /^src\/video\/mcap\//,
  commander: /^src\/cli\//,
  picocolors: /^src\/(?:cli|demo)\//,
  pngjs: /^src\/(?:video\/snapshot|demo)\//,
  yaml: /^src\/(?:video\/up|cli\/agents)\//,
  zod: /^src\/(?:video\/(?:up|detections)|cli\/agents)\//,
  'fastest-levenshtein': /^src\/video\/up\//,
  mqtt: /^src\/video\/health\//,
  '@xterm/headless': /^src\/terminal\/screen\/xterm\.ts$/,
  'get-east-asian-width': /^src\/terminal\/cells\/code-point\.ts$/,
  // Comparators: not there in an installed package, so loaded only where a benchmark asks for them.
  zeromq: /^src\/bench\/programs\//,
  'shared-memory-disruptor': /^src\/bench\/programs\//,
};

const sources = codeFiles().filter((path) => path.startsWith('src/'));

function layerOf(path: string): string {
  const [, layer, rest] = path.split('/');
  return rest === undefined ? 'face' : (layer ?? '');
}

function importsOf(path: string): { relative: string[]; packages: string[]; builtins: string[] } {
  const relative: string[] = [];
  const packages: string[] = [];
  const builtins: string[] = [];
  for (const specifier of importSpecifiers(readText(path))) {
    if (specifier.startsWith('.')) relative.push(posix.join(posix.dirname(path), specifier));
    else if (specifier.startsWith('node:')) builtins.push(specifier);
    else packages.push(specifier);
  }
  return { relative, packages, builtins };
}

/** The folders of the projects that a tsconfig.json refers to. */
function referencesOf(config: string): readonly string[] {
  const { references } = JSON.parse(readText(config)) as { references?: { path: string }[] };
  return (references ?? []).map(({ path }) => posix.join(posix.dirname(config), path));
}

describe('layers', () => {
  it('has a rule for every folder of src', () => {
    const unknown = sources.filter((path) => !(layerOf(path) in MAY_IMPORT));
    assert.deepEqual(unknown, []);
  });

  it('imports only downwards', () => {
    const wrong = sources.flatMap((path) => {
      const layer = layerOf(path);
      return importsOf(path)
        .relative.filter((target) => {
          const other = target.startsWith('src/') ? layerOf(target) : 'outside src';
          return other !== layer && !MAY_IMPORT[layer]?.includes(other);
        })
        .map((target) => `${path} imports ${target}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('lets the compiler know no more than these rules', () => {
    const configs = textFiles().filter((path) => /^src\/(?:[\w-]+\/)?tsconfig\.json$/.test(path));
    const wrong = configs.flatMap((path) => {
      const layer = layerOf(path);
      return referencesOf(path)
        .map((folder) => (folder === 'src' ? 'face' : folder.replace('src/', '')))
        .filter((other) => !MAY_IMPORT[layer]?.includes(other))
        .map((other) => `${path} refers to ${other}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('builds every project that has files, from the root', () => {
    const reached = new Set<string>();
    const visit = (config: string): void => {
      if (reached.has(config)) return;
      reached.add(config);
      for (const folder of referencesOf(config)) visit(`${folder}/tsconfig.json`);
    };
    visit('tsconfig.json');
    const configs = textFiles().filter((path) => posix.basename(path) === 'tsconfig.json');
    const filled = configs.filter((path) => {
      const folder = posix.dirname(path);
      return codeFiles().some((file) => file.startsWith(`${folder}/`) && file.endsWith('.ts'));
    });
    assert.deepEqual(
      filled.filter((path) => !reached.has(path)),
      [],
    );
  });

  it('keeps pure layers free of Node, packages and the clock', () => {
    const clock = /\b(?:Date\.now|performance\.now|new Date\(\)|setTimeout|setInterval)\b/;
    const wrong = sources
      .filter((path) => PURE.includes(layerOf(path)))
      .flatMap((path) => {
        const { packages, builtins } = importsOf(path);
        const times = clock.exec(readText(path))?.[0];
        const found = [...packages, ...builtins, ...(times === undefined ? [] : [times])];
        return found.map((what) => `${path} uses ${what}`);
      });
    assert.deepEqual(wrong, []);
  });

  it('imports each package in its home only', () => {
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .packages.filter((name) => PACKAGE_HOMES[name]?.test(path) !== true)
        .map((name) => `${path} imports ${name}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('keeps koffi in one file, tests and benchmarks included', () => {
    const users = codeFiles().filter((path) => importsOf(path).packages.includes('koffi'));
    const others = users.filter((path) => path !== 'src/ffi/koffi.ts');
    assert.deepEqual(others, []);
  });

  it('has no program code that imports tests', () => {
    const wrong = sources.filter((path) =>
      importsOf(path).relative.some((target) => !target.startsWith('src/')),
    );
    assert.deepEqual(wrong, []);
  });
});
