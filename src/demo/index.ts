/** demo: real footage, one publisher and three readers as processes, two of them killed on camera. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Memory } from '../memory/index.js';
import { Director } from './director.js';
import { makeReport, type DemoReport } from './report.js';
import { liveTable, reportText } from './screen.js';
import { scenes, type Scene } from './script.js';

export type { DemoReport } from './report.js';

export interface DemoOptions {
  /** How long the play takes, at least 4. Default 20. */
  readonly seconds?: number;
  /** No screen: the report as one line of JSON at the end. */
  readonly json?: boolean;
  /** A clip of your own; default the one that comes along. */
  readonly clip?: string;
  /** Where the frames of the camera live; its readers copy those of a GPU. Default 'host'. */
  readonly memory?: Memory;
  /** Ends the play early; the report says so. */
  readonly signal?: AbortSignal;
}

const DEFAULT_SECONDS = 20;
const FRAME_MS = 250;
/** How long a play may be held up by a slow machine before it ends as it stands. */
const MAX_DELAY_SECONDS = 60;

/** The clip of the repository; the packed package carries it too. */
function defaultClip(): string | undefined {
  const path = fileURLToPath(new URL('../../../examples/media/people.mp4', import.meta.url));
  return existsSync(path) ? path : undefined;
}

function hasFfmpeg(): boolean {
  return spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0;
}

/**
 * Runs the demo in a runtime directory of its own and resolves to its report. Prints a live table where the output is
 * a terminal, the captions elsewhere, and the report at the end.
 */
export async function runDemo(options: DemoOptions = {}): Promise<DemoReport> {
  const seconds = Math.max(4, options.seconds ?? DEFAULT_SECONDS);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
  const directory = mkdtempSync(join(tmpdir(), 'sluice-run-'));
  chmodSync(directory, 0o700);
  const clip = hasFfmpeg() ? (options.clip ?? defaultClip()) : undefined;
  const { memory = 'host' } = options;
  const director = new Director(directory);
  const killAll = (): void => director.killAll();
  process.once('exit', killAll);
  const stage = new Stage(options.json === true);
  const startedMs = performance.now();
  try {
    await playAll(
      director,
      scenes({ clip, memory, snapshotFolder: folder }),
      seconds,
      stage,
      options.signal,
    );
    await director.stopAll();
  } finally {
    killAll();
    process.removeListener('exit', killAll);
    rmSync(directory, { recursive: true, force: true });
    stage.clear();
  }
  const report = makeReport(director, {
    seconds: (performance.now() - startedMs) / 1000,
    source:
      clip === undefined ? 'a generated scene' : `${clip.split('/').at(-1)} decoded by ffmpeg`,
    memory,
    snapshotFolder: folder,
    stoppedEarly: options.signal?.aborted === true,
  });
  stage.finish(report);
  return report;
}

async function playAll(
  director: Director,
  plot: readonly Scene[],
  seconds: number,
  stage: Stage,
  signal: AbortSignal | undefined,
): Promise<void> {
  const startedMs = performance.now();
  let caption = '';
  for (const scene of plot) {
    for (;;) {
      const elapsed = (performance.now() - startedMs) / 1000;
      const due = elapsed >= scene.at * seconds && scene.after?.(director) !== false;
      const over = elapsed >= seconds + MAX_DELAY_SECONDS;
      if (due || over) break;
      if (signal?.aborted === true || director.failure !== undefined) return;
      stage.show(liveTable(caption, director.reports(), Math.max(0, seconds - elapsed)));
      await sleep(FRAME_MS, undefined, signal ? { signal } : {}).catch(() => undefined);
    }
    caption = scene.caption;
    stage.announce(caption);
    await scene.play(director);
  }
}

/** Where the demo shows itself: a table drawn over itself on a terminal, lines elsewhere, nothing with `--json`. */
class Stage {
  readonly #silent: boolean;
  readonly #live: boolean;
  #drawn = 0;

  constructor(silent: boolean) {
    this.#silent = silent;
    this.#live = !silent && process.stdout.isTTY;
  }

  announce(caption: string): void {
    if (!this.#silent && !this.#live) process.stdout.write(`${caption}\n`);
  }

  show(lines: readonly string[]): void {
    if (!this.#live) return;
    this.clear();
    const columns = process.stdout.columns || 80;
    process.stdout.write(`${lines.map((line) => cutLine(line, columns)).join('\n')}\n`);
    this.#drawn = lines.length;
  }

  clear(): void {
    if (this.#drawn > 0) process.stdout.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  finish(report: DemoReport): void {
    process.stdout.write(
      this.#silent ? `${JSON.stringify(report)}\n` : `${reportText(report).join('\n')}\n`,
    );
  }
}

/** Cuts a line with SGR sequences to the terminal's width, so that it never wraps and the redraw stays exact. */
function cutLine(line: string, columns: number): string {
  let shown = 0;
  return line.replace(
    /(\u001b\[[0-9;]*m)|([^\u001b])/gu,
    (_match, sgr: string | undefined, character: string) => {
      if (sgr !== undefined) return sgr;
      shown += 1;
      return shown < columns ? character : '';
    },
  );
}
