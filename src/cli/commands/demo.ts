/** `sluice demo`: several processes share a video; two of them are killed, and nobody else notices. */
import { type Command, Option } from 'commander';
import { memoryName, type MemoryName, withRemedy } from '../gpu-options.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, ExitCode, type Run, UsageError } from '../run.js';

interface DemoCommandOptions extends CommonOptions {
  readonly clip?: string;
  readonly memory?: MemoryName;
}

export const EXAMPLES = [
  'sluice demo',
  'sluice demo --seconds 8 --json',
  'sluice demo --memory cuda:0',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('[play]', 'which one: video', 'video')
    .option('--clip <file>', 'a video of your own (needs ffmpeg)')
    .addOption(
      new Option(
        '--memory <memory>',
        'where the frames live: host (default), cuda or cuda:N; readers then copy',
      ).argParser(memoryName('--memory')),
    )
    .action((play: string, { seconds, clip, memory, ...options }: DemoCommandOptions) =>
      // The play has its own end, where it tells how it went: its time does not end the run.
      start(options, (run) => demo(run, play, { seconds, clip, memory })),
    );
  addEndOptions(command);
}

interface DemoChoices {
  readonly seconds: number | undefined;
  readonly clip: string | undefined;
  readonly memory: MemoryName | undefined;
}

async function demo(
  run: Run,
  play: string,
  { seconds, clip, memory }: DemoChoices,
): Promise<number> {
  if (play !== 'video') throw new UsageError(`demo ${JSON.stringify(play)}: there is only video`);
  if (memory !== undefined && memory !== 'host') await assertGpu(memory);
  const { runDemo } = await import('../../demo/index.js');
  const { passed } = await runDemo({
    json: run.json,
    signal: run.signal,
    ...(seconds === undefined ? {} : { seconds }),
    ...(clip === undefined ? {} : { clip }),
    ...(memory === undefined ? {} : { memory }),
  });
  return passed ? ExitCode.done : ExitCode.failed;
}

/** Before the play begins: its camera could only tell by its end. */
async function assertGpu(memory: MemoryName): Promise<void> {
  const { findDevice } = await import('../../gpu/index.js');
  try {
    findDevice(memory, 'play the demo');
  } catch (error) {
    throw withRemedy(error, {
      CUDA_UNAVAILABLE: 'Leave --memory out: the demo then plays in host memory.',
      WRONG_DEVICE: 'Name one of these with --memory; `sluice doctor` shows them.',
    });
  }
}
