/** The packed tarball, unpacked beside its dependencies as an installation would leave it, without a network. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository, without a slash at its end. This file runs from dist/test/package/. */
export const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(
  /\/$/,
  '',
);

export interface PackedFile {
  /** Relative to the package: `dist/src/index.js`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly mode: number;
}

export interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly PackedFile[];
}

/** Runs a program to its end and returns what it printed; fails the test with its output when its status is another. */
export function runProgram(
  program: string,
  words: readonly string[],
  options: {
    readonly cwd: string;
    readonly status?: number;
    /** Default: this process's own. */
    readonly environment?: NodeJS.ProcessEnv;
  },
): { readonly stdout: string; readonly stderr: string } {
  const { status = 0, cwd, environment: env } = options;
  const result = spawnSync(program, words, { cwd, env, encoding: 'utf8', timeout: 120_000 });
  assert.equal(result.error, undefined, `cannot run ${program}`);
  const said = `${program} ${words.join(' ')} ended with ${result.status}, not ${status}:\n${result.stdout}${result.stderr}`;
  assert.equal(result.status, status, said);
  return result;
}

/** A folder of a user who installed the tarball. `close()` removes it. */
export class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  readonly report: PackReport;
  /** Where the package lies. */
  readonly package = join(this.folder, 'node_modules/sluice');

  constructor() {
    this.report = this.#pack();
    mkdirSync(this.package, { recursive: true });
    const archive = join(this.folder, this.report.filename);
    const words = ['-xzf', archive, '-C', this.package, '--strip-components=1'];
    runProgram('tar', words, { cwd: this.folder });
    this.#link(Object.keys(this.manifest().dependencies ?? {}));
  }

  /** The package.json that a user gets. */
  manifest(): { bin: Record<string, string>; dependencies?: Record<string, string> } {
    return JSON.parse(readFileSync(join(this.package, 'package.json'), 'utf8')) as ReturnType<
      Installation['manifest']
    >;
  }

  /** Makes packages of the repository available to the user, as symbolic links. */
  linkForUser(names: readonly string[]): void {
    this.#link(names);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #pack(): PackReport {
    const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', this.folder];
    const { stdout } = runProgram('npm', words, { cwd: repositoryRoot });
    const [report] = JSON.parse(stdout) as PackReport[];
    assert.ok(report !== undefined, 'npm pack reports the tarball');
    return report;
  }

  #link(names: readonly string[]): void {
    for (const name of names) {
      const link = join(this.folder, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(repositoryRoot, 'node_modules', name), link);
    }
  }
}
