/** `sluice demo`: plays of several processes. A video, two of whose readers are killed; agents that all talk at once. */
import { type Command, Option } from 'commander';
import { memoryName, type MemoryName, withRemedy } from '../gpu-options.js';
import { atLeast } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, ExitCode, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';

interface DemoCommandOptions extends CommonOptions {
  readonly clip?: string;
  readonly memory?: MemoryName;
  readonly agents?: number;
  readonly slots?: number;
  readonly gpu?: boolean;
}

/** Play → the options that are its own. */
const PLAYS = {
  video: ['clip', 'memory'],
  text: ['agents', 'slots', 'gpu'],
} as const;

const MAX_AGENTS = 50;

export const EXAMPLES = [
  'sluice demo',
  'sluice demo --seconds 8 --json',
  'sluice demo --memory cuda:0',
  'sluice demo text --agents 12',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('[play]', 'which one: video or text', 'video')
    .option('--clip <file>', 'video: one of your own (needs ffmpeg)')
    .addOption(
      new Option(
        '--memory <memory>',
        'video: where the frames live: host (default), cuda or cuda:N; readers then copy',
      ).argParser(memoryName('--memory')),
    )
    .option('--agents <n>', 'text: how many; default 6', atLeast('--agents', 1))
    .option(
      '--slots <n>',
      "text: of each agent's ring, a power of two; default 1024",
      atLeast('--slots', 1),
    )
    .option('--gpu', 'text: kernels make the lines and put them into the rings')
    .action((play: string, { seconds, ...options }: DemoCommandOptions) =>
      // The play has its own end, where it tells how it went: its time does not end the run.
      start(options, (run) => demo(run, play, { ...options, seconds })),
    );
  addEndOptions(command);
}

type Choices = Omit<DemoCommandOptions, 'seconds'> & { readonly seconds: number | undefined };

async function demo(run: Run, play: string, choices: Choices): Promise<number> {
  if (play !== 'video' && play !== 'text') {
    throw new UsageError(`demo ${JSON.stringify(play)}: there are video and text`);
  }
  for (const [other, names] of Object.entries(PLAYS)) {
    const wrong = other === play ? undefined : names.find((name) => choices[name] !== undefined);
    if (wrong !== undefined) throw new UsageError(`--${wrong} is for demo ${other}`);
  }
  return play === 'video' ? playVideo(run, choices) : playText(run, choices);
}

async function playVideo(run: Run, { seconds, clip, memory }: Choices): Promise<number> {
  if (memory !== undefined && memory !== 'host') await assertGpu(memory, '--memory');
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

async function playText(run: Run, { seconds, agents, slots, gpu }: Choices): Promise<number> {
  if (agents !== undefined && agents > MAX_AGENTS) {
    throw new UsageError(`--agents ${agents}: at most ${MAX_AGENTS}`);
  }
  if (slots !== undefined && (slots < 8 || (slots & (slots - 1)) !== 0)) {
    throw new UsageError(`--slots ${slots}: must be a power of two from 8 on, such as 1024`);
  }
  if (gpu === true) await assertGpu('cuda', '--gpu');
  const { runTextDemo } = await import('../../demo/text/index.js');
  const report = await runTextDemo({
    json: run.json,
    signal: run.signal,
    ...(seconds === undefined ? {} : { seconds }),
    ...(agents === undefined ? {} : { agents }),
    ...(slots === undefined ? {} : { slots }),
    ...(gpu === undefined ? {} : { gpu }),
  });
  if (run.json) run.print(safeJson(report));
  else {
    const { linesSaid, linesRead, linesWrong, linesLost } = report;
    run.print(
      `${report.agents} agents${report.gpu ? ' of a GPU' : ''} said ${linesSaid} lines in ` +
        `${report.seconds.toFixed(1)} s: ${linesRead} read, ${linesWrong} wrong, ${linesLost} lost`,
    );
    for (const problem of report.problems) run.print(problem);
  }
  return report.passed ? ExitCode.done : ExitCode.failed;
}

/** Before the play begins: its camera could only tell by its end. */
async function assertGpu(memory: MemoryName, option: '--memory' | '--gpu'): Promise<void> {
  const { findDevice } = await import('../../gpu/index.js');
  try {
    findDevice(memory, 'play the demo');
  } catch (error) {
    throw withRemedy(error, {
      CUDA_UNAVAILABLE: `Leave ${option} out: the demo then needs no GPU.`,
      WRONG_DEVICE: 'Name one of these with --memory; `sluice doctor` shows them.',
    });
  }
}
