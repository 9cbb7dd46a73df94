/**
 * Writes spec/vectors/ from the built code: node scripts/write-vectors.mjs [--check]
 * With --check it writes nothing and fails when a file is not what it would write.
 *
 * The binary files hold bytes as they travel or stand in memory, index.json says what they mean, one case a line.
 * Build src/bus first.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './command.mjs';
import { arithmeticVectors, geometryVectors, halfFloatVectors } from './vectors/format-cases.mjs';
import { handshakeVectors } from './vectors/handshake-cases.mjs';
import { manifestVectors } from './vectors/manifest-cases.mjs';
import { poolVectors } from './vectors/memory-cases.mjs';
import { ringVectors } from './vectors/ring-cases.mjs';

const COMMAND = 'npm run vectors:update';
const MAX_BYTES = 128 * 1024;
const folder = join(root, 'spec/vectors');

function collect() {
  const handshake = handshakeVectors();
  const manifests = manifestVectors();
  const halfFloats = halfFloatVectors();
  const { pools, pages, files: poolFiles } = poolVectors();
  const { rings, files: ringFiles } = ringVectors();
  const index = {
    protocol: 1,
    handshake: handshake.group,
    manifests: manifests.group,
    geometry: geometryVectors(),
    arithmetic: arithmeticVectors(),
    halfFloats: halfFloats.group,
    pools,
    pages,
    rings,
  };
  const files = { ...handshake.files, ...manifests.files, ...halfFloats.files };
  Object.assign(files, poolFiles, ringFiles);
  return { ...files, 'index.json': Buffer.from(`${lines(index, '')}\n`) };
}

/** JSON with a line for each case: an array's elements and an object's members down to where they are small. */
function lines(value, indent) {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || flat.length <= 100) return flat;
  const inner = `${indent} `;
  const isList = Array.isArray(value);
  // A case stays on its line however long it is: only the groups around it are broken up.
  if (indent.length >= 3) return flat;
  const members = isList
    ? value.map((entry) => inner + lines(entry, inner))
    : Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .map(([key, entry]) => `${inner}${JSON.stringify(key)}: ${lines(entry, inner)}`);
  const [open, close] = isList ? '[]' : '{}';
  return `${open}\n${members.join(',\n')}\n${indent}${close}`;
}

function problems(files) {
  const present = existsSync(folder) ? readdirSync(folder) : [];
  const stale = present.filter((name) => !(name in files));
  const wrong = Object.entries(files).filter(([name, bytes]) => {
    const path = join(folder, name);
    return !existsSync(path) || !readFileSync(path).equals(bytes);
  });
  return [
    ...stale.map((name) => `${name} has no case that makes it`),
    ...wrong.map(([name]) => `${name} is not what the code makes`),
  ];
}

const files = collect();
const binaryBytes = Object.entries(files)
  .filter(([name]) => name.endsWith('.bin'))
  .reduce((sum, [, bytes]) => sum + bytes.length, 0);
if (binaryBytes > MAX_BYTES)
  throw new Error(`${binaryBytes} bytes of vectors; at most ${MAX_BYTES}`);

if (process.argv.includes('--check')) {
  const found = problems(files);
  for (const problem of found) console.error(`spec/vectors/${problem}; run: ${COMMAND}`);
  process.exitCode = found.length === 0 ? 0 : 1;
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (!(name in files)) rmSync(join(folder, name));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
}
