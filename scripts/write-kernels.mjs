/**
 * Compiles kernels/*.cu to the PTX that is committed and shipped: node scripts/write-kernels.mjs [--check]
 *
 * The first line of a PTX file holds the hash of its sources and the release of the compiler. With --check nothing is
 * written: what it finds goes to standard output as JSON, one line a kernel, and the exit status is 1 when a PTX file
 * is not made from its source, cannot be compiled, or differs from what the same release of nvcc makes of it now.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './command.mjs';

const folder = join(root, 'kernels');
const COMMAND = 'npm run kernels:update';

/** Turing, the oldest that CUDA 13 compiles for; the driver compiles on for what is there. */
const TARGET = 'compute_75';

/**
 * What drivers since CUDA 11 accept. nvcc writes the newest version it knows, which older drivers refuse whatever the
 * kernel uses; `ptxas` checks that these kernels need no more.
 */
const PTX_VERSION = '7.0';

const check = process.argv.includes('--check');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.cu'))
  .map((name) => name.slice(0, -'.cu'.length));

/** The source with the headers beside it that it includes, in the order of inclusion. */
function sourceOf(file) {
  const text = readFileSync(join(folder, file), 'utf8');
  const headers = [...text.matchAll(/^#include "([^"]+)"$/gm)].map((match) => match[1]);
  return [text, ...headers.map(sourceOf)].join('');
}

function compilerRelease() {
  const { status, stdout } = spawnSync('nvcc', ['--version'], { encoding: 'utf8' });
  return status === 0 ? (/V([\d.]+)/.exec(stdout)?.[1] ?? 'unknown') : undefined;
}

/** The PTX text, or what the compiler said. */
function compile(name) {
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-kernels-'));
  try {
    const ptx = join(scratch, 'out.ptx');
    const words = ['-ptx', `-arch=${TARGET}`, '-Werror=all-warnings', '-o', ptx, `${name}.cu`];
    const compiled = spawnSync('nvcc', words, { cwd: folder, encoding: 'utf8' });
    if (compiled.status !== 0) return { log: compiled.stderr };
    const text = readFileSync(ptx, 'utf8').replace(/^\.version .*$/m, `.version ${PTX_VERSION}`);
    writeFileSync(ptx, text);
    const arch = TARGET.replace('compute', 'sm');
    const checked = spawnSync('ptxas', [`-arch=${arch}`, '-o', join(scratch, 'out'), ptx], {
      encoding: 'utf8',
    });
    // ENOENT: ptxas stands beside nvcc, but need not be on the path.
    if (checked.error === undefined && checked.status !== 0) return { log: checked.stderr };
    return { text };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function headerOf(name, nvcc) {
  const hash = createHash('sha256')
    .update(sourceOf(`${name}.cu`))
    .digest('hex');
  return `// ${name}.cu sha256:${hash} nvcc:${nvcc}\n`;
}

const release = compilerRelease();
if (release === undefined && !check) {
  console.error(
    'cannot compile kernels/*.cu: there is no nvcc on PATH. It is part of the CUDA toolkit; what was compiled is ' +
      'committed, so it is needed only to change the kernels.',
  );
  process.exitCode = 1;
}

function update(name) {
  const { text, log } = compile(name);
  if (text === undefined) {
    console.error(log);
    process.exitCode = 1;
    return;
  }
  writeFileSync(join(folder, `${name}.ptx`), headerOf(name, release) + text);
}

/** `source`: is the PTX made from the source that lies there? `body`: is it what the compiler makes of it now? */
function inspect(name) {
  const path = join(folder, `${name}.ptx`);
  const found = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const header = found.slice(0, found.indexOf('\n') + 1);
  const madeBy = /nvcc:(\S+)/.exec(header)?.[1];
  const source = header === headerOf(name, madeBy) ? 'same' : `differs; run ${COMMAND}`;
  if (release === undefined) return { name, source, body: 'not compiled: no nvcc on PATH' };
  const { text, log } = compile(name);
  if (text === undefined) return { name, source, body: 'does not compile', log };
  if (release !== madeBy) {
    return { name, source, body: `compiles; made by nvcc ${madeBy}, this is ${release}` };
  }
  return { name, source, body: found === header + text ? 'same' : `differs; run ${COMMAND}` };
}

for (const name of names) {
  if (check) {
    const answer = inspect(name);
    console.log(JSON.stringify(answer));
    if (answer.source !== 'same' || /^(?:differs|does not)/.test(answer.body)) process.exitCode = 1;
  } else if (release !== undefined) update(name);
}
