/** `sluice top [pattern]`: who reads what, in place or copied; on a terminal a screen, else a table each second. */
import { emitKeypressEvents } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { resolveRuntimeDirectory } from '../../bus/directory/runtime-directory.js';
import { cameraLines } from '../camera-facts.js';
import { channelPattern } from '../option-values.js';
import { loadPaint, NO_PAINT, type Paint } from '../paint.js';
import { addEndOptions, type Start } from '../program.js';
import type { CommonOptions, Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { ChannelSampler, type ChannelSample } from '../top/channel-sampler.js';
import { copiedOf, inPlaceOf, rowsOf, tableLines, totalsText } from '../top/rows.js';
import { FIRST_SCREEN, type Key, pressKey, screenLines } from '../top/screen.js';
import { channelJson } from './ls.js';

interface TopOptions extends CommonOptions {
  readonly frames?: number;
}

export const EXAMPLES = [
  'sluice top',
  "sluice top 'camera/**' --frames 1",
  'sluice top --json | head -n 3',
];

/** Between two samples. */
const PERIOD_MS = 1000;

/** Width of the table where there is no terminal to ask. */
const PLAIN_WIDTH = 200;

export function configure(command: Command, start: Start): void {
  command
    .argument(
      '[pattern]',
      'a channel, camera/* (one level) or camera/** (any depth)',
      channelPattern,
    )
    .action((pattern: string | undefined, options: TopOptions) =>
      start(options, (run) => top(run, pattern ?? '**', options.frames ?? Infinity)),
    );
  addEndOptions(command, 'samples');
}

async function top(run: Run, pattern: string, most: number): Promise<void> {
  const directory = resolveRuntimeDirectory(run.options.dir);
  const interactive = !run.json && process.stdout.isTTY === true && process.stdin.isTTY === true;
  const sampler = new ChannelSampler(directory, pattern, (_path, error) => {
    if (!interactive) run.note(`sluice: ${error.message}`);
  });
  const screen = interactive ? new Screen(run, await loadPaint()) : undefined;
  try {
    let channels = await sampler.sample();
    screen?.show(channels);
    for (let shown = 0; shown < most && !run.ended; shown++) {
      await sleep(PERIOD_MS, undefined, { signal: run.signal }).catch(() => undefined);
      if (run.ended) return;
      channels = await sampler.sample();
      if (screen === undefined) printSample(run, channels, shown > 0);
      else screen.show(channels);
    }
  } finally {
    screen?.close();
    sampler.close();
  }
}

function printSample(run: Run, channels: readonly ChannelSample[], again: boolean): void {
  if (run.json) {
    run.print(safeJson({ at: new Date().toISOString(), channels: channels.map(sampleJson) }));
    return;
  }
  if (again) run.print('');
  run.print(totalsText(channels));
  const selection = { sort: 'name', filter: '', copiesOnly: false } as const;
  const width = process.stdout.columns || PLAIN_WIDTH;
  const lines = tableLines(rowsOf(channels, selection), width, NO_PAINT);
  if (channels.length > 0) for (const line of lines) run.print(line);
  const cameras = cameraLines(channels, NO_PAINT);
  for (const line of cameras.length === 0 ? [] : ['', ...cameras]) run.print(line);
}

function sampleJson(sample: ChannelSample): object {
  return {
    ...channelJson(sample),
    publishedPerSecond: sample.publishedPerSecond,
    bytesPerSecond: sample.bytesPerSecond,
    inPlacePerSecond: inPlaceOf(sample),
    copiedPerSecond: copiedOf(sample),
    subscribers: sample.subscribers.map(({ facts, ...rates }) => ({ ...facts, ...rates })),
  };
}

/** xterm's control sequences (ECMA-48, and DEC private modes 1049, 25 and 2026). */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const BEGIN_FRAME = '\u001b[?2026h\u001b[H';
const END_FRAME = '\u001b[J\u001b[?2026l';
const END_LINE = '\u001b[K';

/** The terminal while `top` has it. It is given back at the end, also at a sudden one. */
class Screen {
  readonly #run: Run;
  readonly #paint: Paint;
  readonly #onKey = (_text: string | undefined, key: Key): void => this.#press(key);
  readonly #onResize = (): void => this.#draw();
  readonly #onContinue = (): void => this.#enter();
  readonly #onExit = (): void => this.#leave();
  #state = FIRST_SCREEN;
  #channels: readonly ChannelSample[] = [];
  #entered = false;

  constructor(run: Run, paint: Paint) {
    this.#run = run;
    this.#paint = paint;
    emitKeypressEvents(process.stdin);
    process.stdin.on('keypress', this.#onKey);
    process.stdout.on('resize', this.#onResize);
    process.on('SIGCONT', this.#onContinue);
    process.on('exit', this.#onExit);
    this.#enter();
  }

  show(channels: readonly ChannelSample[]): void {
    this.#channels = channels;
    this.#draw();
  }

  close(): void {
    process.stdin.off('keypress', this.#onKey);
    process.stdout.off('resize', this.#onResize);
    process.off('SIGCONT', this.#onContinue);
    process.off('exit', this.#onExit);
    this.#leave();
  }

  #press(key: Key): void {
    const next = pressKey(this.#state, key, this.#channels);
    if (next === 'quit') this.#run.end('done');
    else if (next === 'interrupt') this.#run.end('interrupted');
    else if (next === 'suspend') this.#suspend();
    else {
      this.#state = next;
      this.#draw();
    }
  }

  /** Raw mode keeps the terminal from stopping us at Ctrl-Z, so we do. */
  #suspend(): void {
    this.#leave();
    process.kill(process.pid, 'SIGTSTP');
  }

  #enter(): void {
    process.stdin.setRawMode(true).resume();
    process.stdout.write(ENTER);
    this.#entered = true;
    this.#draw();
  }

  #leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    process.stdout.write(LEAVE);
    process.stdin.setRawMode(false).pause();
  }

  #draw(): void {
    if (!this.#entered) return;
    // A terminal that was never told its size says 0.
    const { columns, rows } = process.stdout;
    const size = { width: columns || 80, height: rows || 24 };
    const lines = screenLines(this.#state, this.#channels, size, this.#paint);
    process.stdout.write(
      `${BEGIN_FRAME}${lines.map((line) => `${line}${END_LINE}`).join('\r\n')}${END_FRAME}`,
    );
  }
}
