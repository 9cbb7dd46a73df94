/** `sluice encode <out> <in>`: frames of a channel as packets of another. */
import { type Command, Option } from 'commander';
import { openEncoder } from '../../video/index.js';
import { atLeast, channelName } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, opensAsUsage, type Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';

interface EncodeOptions extends CommonOptions {
  readonly codec?: 'h264' | 'hevc';
  readonly encoder?: 'software' | 'nvenc';
  readonly bitrate?: number;
  readonly keyFrames?: number;
}

export const EXAMPLES = [
  'sluice encode wall wall --bitrate 4000000',
  'sluice encode wall/tv wall --codec hevc',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('<out>', 'its /packets are published, as taps and recorders read them', channelName)
    .argument('<in>', 'the channel of frames', channelName)
    .addOption(new Option('--codec <codec>', 'default h264').choices(['h264', 'hevc']))
    .addOption(
      new Option(
        '--encoder <which>',
        'the processor (default) or the encoder of an NVIDIA GPU',
      ).choices(['software', 'nvenc']),
    )
    .option('--bitrate <n>', 'bits a second', atLeast('--bitrate', 1000))
    .option(
      '--key-frames <n>',
      'pictures from one to the next (default 50)',
      atLeast('--key-frames', 1),
    )
    .action((out: string, source: string, options: EncodeOptions) =>
      start(options, (run) => encode(run, out, source, options)),
    );
  addEndOptions(command);
}

async function encode(
  run: Run,
  out: string,
  source: string,
  options: EncodeOptions,
): Promise<void> {
  const { codec, encoder, bitrate, keyFrames, dir } = options;
  const opened = await opensAsUsage(() =>
    openEncoder(out, source, {
      signal: run.signal,
      ...(codec === undefined ? {} : { codec }),
      ...(encoder === undefined ? {} : { encoder }),
      ...(bitrate === undefined ? {} : { bitsPerSecond: bitrate }),
      ...(keyFrames === undefined ? {} : { keyFrameInterval: keyFrames }),
      ...(dir === undefined ? {} : { directory: dir }),
    }),
  );
  run.note(`encoding ${source} into ${opened.channel}`);
  const { error } = await opened.closed;
  const { packets, bytes, dropped } = opened.stats();
  if (run.json) run.print(safeJson({ event: 'end', channel: opened.channel, ...opened.stats() }));
  const lost = dropped === 0 ? '' : `, ${plural(dropped, 'frame')} passed over`;
  run.note(`encoded ${plural(packets, 'picture')}, ${formatBytes(bytes)}${lost}`);
  if (error !== undefined) throw error;
}
