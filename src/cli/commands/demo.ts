/** `sluice demo`: several processes share a video; two of them are killed, and nobody else notices. */
import type { Command } from 'commander';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, ExitCode, type Run, UsageError } from '../run.js';

interface DemoCommandOptions extends CommonOptions {
  readonly clip?: string;
}

export const EXAMPLES = ['sluice demo', 'sluice demo --seconds 8 --json'];

export function configure(command: Command, start: Start): void {
  command
    .argument('[play]', 'which one: video', 'video')
    .option('--clip <file>', 'a video of your own (needs ffmpeg)')
    .action((play: string, { seconds, clip, ...options }: DemoCommandOptions) =>
      // The play has its own end, where it tells how it went: its time does not end the run.
      start(options, (run) => demo(run, play, { seconds, clip })),
    );
  addEndOptions(command);
}

async function demo(
  run: Run,
  play: string,
  { seconds, clip }: { readonly seconds: number | undefined; readonly clip: string | undefined },
): Promise<number> {
  if (play !== 'video') throw new UsageError(`demo ${JSON.stringify(play)}: there is only video`);
  const { runDemo } = await import('../../demo/index.js');
  const { passed } = await runDemo({
    json: run.json,
    signal: run.signal,
    ...(seconds === undefined ? {} : { seconds }),
    ...(clip === undefined ? {} : { clip }),
  });
  return passed ? ExitCode.done : ExitCode.failed;
}
