/**
 * Makes a checkout ready to run on a machine that has only Node and npm: checks the platform, installs the npm
 * packages when they are missing or not those of the lock, and builds what is run.
 *
 *   node scripts/setup.mjs [--with ffmpeg] [--with comparators]
 *
 * It uses nothing but Node itself, because it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build } from './build.mjs';
import { root, run } from './command.mjs';

/** What `--with` accepts. Each is wished for, not needed: when it cannot be had, the setup says so and goes on. */
const EXTRAS = { ffmpeg: provideFfmpeg, comparators: compileComparators };

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

function parseExtras(words) {
  const extras = [];
  for (let index = 0; index < words.length; index += 2) {
    const [option, extra] = words.slice(index, index + 2);
    if (option !== '--with' || !Object.hasOwn(EXTRAS, extra ?? '')) {
      fail(
        `cannot read '${words.slice(index).join(' ')}'; it takes --with ffmpeg and --with comparators`,
      );
    }
    extras.push(extra);
  }
  return extras;
}

function checkPlatform() {
  if (process.platform !== 'linux') {
    fail(`Sluice runs on Linux (memfd, SCM_RIGHTS); this is ${process.platform}`);
  }
  const wanted = readJson('package.json').engines.node.replace('>=', '').split('.').map(Number);
  const found = process.versions.node.split('.').map(Number);
  const older = found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < (wanted[1] ?? 0));
  if (older) fail(`this is Node ${process.versions.node}; ${wanted.join('.')} or newer is needed`);
}

/**
 * Whether node_modules holds what the lock asks for. Compared by content: the file times of a fresh clone say nothing.
 * npm leaves the list of what it installed in node_modules/.package-lock.json.
 */
function packagesAreCurrent() {
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false;
  const wanted = readJson('package-lock.json').packages;
  const installed = readJson('node_modules/.package-lock.json').packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    if (found === undefined ? entry.optional !== true : found.integrity !== entry.integrity)
      return false;
  }
  return Object.keys(installed).every((path) => path in wanted);
}

function installPackages() {
  if (packagesAreCurrent()) return;
  console.error('setup: installing the npm packages of package-lock.json');
  // Install scripts stay off: every package needed here ships what it runs.
  const status = run('npm', [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  if (status !== 0) fail(`npm ci ended with ${status}; is the package registry reachable?`);
}

function isOnPath(program) {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function provideFfmpeg() {
  if (isOnPath('ffmpeg')) return;
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    console.error('setup: installing ffmpeg with apt-get');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const update = spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env });
    const words = ['install', '-y', '-qq', '--no-install-recommends', 'ffmpeg'];
    if (update.status === 0) spawnSync('apt-get', words, { stdio: ['ignore', 2, 2], env });
    if (isOnPath('ffmpeg')) return;
  }
  console.error(
    'setup: there is no ffmpeg on PATH; parts that read or write video files do without it. To install it:\n' +
      '         sudo apt-get install --no-install-recommends ffmpeg      (Debian, Ubuntu)\n' +
      '         sudo dnf install ffmpeg-free                             (Fedora)',
  );
}

function compileComparators() {
  // The one package with native code and no prebuilt binary; only the benchmark's comparison wants it.
  const words = [
    'rebuild',
    'shared-memory-disruptor',
    '--ignore-scripts=false',
    '--loglevel=error',
  ];
  if (run('npm', words) === 0) return;
  console.error(
    'setup: shared-memory-disruptor was not compiled; the benchmark leaves it out. It needs a C++ compiler,\n' +
      '       make and python3:  sudo apt-get install g++ make python3',
  );
}

const extras = parseExtras(process.argv.slice(2));
checkPlatform();
installPackages();
for (const extra of extras) EXTRAS[extra]();
process.exitCode = build(['src', 'src/cli']);
