/** `sluice pub <channel>`: publishes standard input: lines as messages, or raw pictures as frames. */
import { type Command, Option } from 'commander';
import { bytes, json, text, type MessageFormat, type VideoFormat } from '../../format/index.js';
import { openPublisher } from '../../bus/open.js';
import type { FramePublisher } from '../../bus/publisher/frame-publisher.js';
import type { PublisherOptions } from '../../bus/publisher/options.js';
import type { PublisherStats } from '../../bus/endpoint.js';
import { atLeast, channelName, framesPerSecond, listOf, videoFormat } from '../option-values.js';
import { memoryName, type MemoryName, withRemedy } from '../gpu-options.js';
import { addEndOptions, type Start } from '../program.js';
import { sendFile, sendLines, type SendResult } from '../pub/send-messages.js';
import { sendPictures } from '../pub/send-pictures.js';
import { type CommonOptions, opensAsUsage, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';

interface PubOptions extends CommonOptions {
  readonly format?: 'text' | 'json' | 'bytes';
  readonly jsonLines?: boolean;
  readonly bytes?: string;
  readonly video?: VideoFormat;
  readonly fps?: number;
  readonly slots?: number;
  readonly ring?: number;
  readonly layout?: 'bytes' | 'slots';
  readonly memory?: MemoryName;
  readonly whenFull?: 'drop' | 'wait' | 'overwrite';
  readonly label?: string;
  readonly allowUid?: readonly number[];
  readonly allowGid?: readonly number[];
  readonly wait?: boolean;
  readonly subscribers?: number;
  readonly frames?: number;
}

export const EXAMPLES = [
  'echo hello | sluice pub chat --subscribers 1',
  'sluice pub chat',
  'sluice pub logo --bytes logo.png --subscribers 1',
  'ffmpeg -v error -i clip.mp4 -f rawvideo -pix_fmt nv12 -s 640x480 - | sluice pub clip --video nv12:640x480 --fps 25',
  'cat pictures.nv12 | sluice pub clip --video nv12:640x480 --memory cuda:0',
];

export function configure(command: Command, start: Start): void {
  const notWithVideo = ['format', 'jsonLines', 'bytes', 'layout', 'ring'];
  command
    .argument('<channel>', 'its name', channelName)
    .addOption(
      new Option('--format <kind>', 'what a line is (default text)').choices([
        'text',
        'json',
        'bytes',
      ]),
    )
    .addOption(new Option('--json-lines', 'the same as --format json').conflicts('format'))
    .addOption(
      new Option('--bytes <file>', 'one message: the whole file, - for standard input').conflicts([
        'format',
        'jsonLines',
      ]),
    )
    .addOption(
      new Option('--video <format>', 'raw pictures, for example nv12:640x480')
        .argParser(videoFormat('--video'))
        .conflicts(notWithVideo),
    )
    .addOption(
      new Option('--fps <n>', 'pictures a second at most').argParser(framesPerSecond('--fps')),
    )
    .addOption(
      new Option(
        '--memory <memory>',
        'where pictures live: host (default), cuda or cuda:N',
      ).argParser(memoryName('--memory')),
    )
    .option('--slots <n>', 'of the pool, or of the ring with --layout slots', atLeast('--slots', 1))
    .option('--ring <bytes>', 'size of the ring of messages (default 1 MiB)', atLeast('--ring', 1))
    .addOption(new Option('--layout <layout>', 'of the ring').choices(['bytes', 'slots']))
    .addOption(
      new Option(
        '--when-full <policy>',
        'when readers hold everything up (default: wait for messages, drop for pictures)',
      ).choices(['drop', 'wait', 'overwrite']),
    )
    .option('--label <text>', 'how lists call this publisher')
    .option(
      '--allow-uid <uid>',
      'another user who may subscribe; may be repeated',
      listOf(atLeast('--allow-uid', 0)),
    )
    .option(
      '--allow-gid <gid>',
      'a group whose users may subscribe; may be repeated',
      listOf(atLeast('--allow-gid', 0)),
    )
    .option('--wait', 'stand by while another publisher has the channel')
    .option('--subscribers <n>', 'start when there are so many', atLeast('--subscribers', 1))
    .action((channel: string, options: PubOptions) =>
      start(options, (run) => pub(run, channel, options)),
    );
  addEndOptions(command, 'messages or pictures');
}

async function pub(run: Run, channel: string, options: PubOptions): Promise<void> {
  if (options.video === undefined && options.fps !== undefined) {
    throw new UsageError('--fps is an option of --video');
  }
  if (options.video === undefined && options.layout !== 'slots' && options.slots !== undefined) {
    throw new UsageError(
      '--slots is an option of --video and of --layout slots; --ring sizes a ring of messages',
    );
  }
  if (options.video === undefined && options.memory !== undefined && options.memory !== 'host') {
    throw new UsageError('--memory is an option of --video: messages are in host memory');
  }
  const format = options.video ?? messageFormat(options);
  const settings = publisherOptions(run, options);
  if (format.kind === 'video') {
    const publisher = await openPictures(channel, { format, ...settings });
    const sending = {
      framesPerSecond: options.fps,
      waitsForSlots: options.whenFull === 'wait',
      most: options.frames ?? Infinity,
    };
    await publish(run, publisher, options, () => sendPictures(run, publisher, sending));
    return;
  }
  const publisher = await opensAsUsage(() => openPublisher(channel, { format, ...settings }));
  await publish(run, publisher, options, () =>
    options.bytes === undefined
      ? sendLines(run, publisher, options.frames ?? Infinity)
      : sendFile(run, publisher, options.bytes),
  );
}

async function openPictures(
  channel: string,
  options: PublisherOptions<VideoFormat>,
): Promise<FramePublisher<VideoFormat>> {
  try {
    return await opensAsUsage(() => openPublisher(channel, options));
  } catch (error) {
    throw withRemedy(error, {
      CUDA_UNAVAILABLE: 'Leave --memory out: pictures are then in host memory.',
      WRONG_DEVICE: 'Name one of these with --memory; `sluice doctor` shows them.',
    });
  }
}

/** What is the same for pictures and messages, of a publisher. */
interface Publishing {
  readonly channel: string;
  readonly manifest: { readonly format: MessageFormat | unknown; readonly instance: string };
  demand(options: {
    readonly signal: AbortSignal;
  }): AsyncIterable<{ readonly subscribers: number }>;
  stats(): PublisherStats;
  close(): Promise<void>;
}

async function publish(
  run: Run,
  publisher: Publishing,
  { subscribers, video }: PubOptions,
  send: () => Promise<SendResult>,
): Promise<void> {
  const { channel, manifest } = publisher;
  const counter = new SubscriberCounter(publisher, run.signal);
  try {
    if (run.json) run.print(safeJson({ event: 'open', channel, instance: manifest.instance }));
    if (process.stdin.isTTY === true)
      run.note(`publishing ${channel} line by line; Ctrl-D ends it`);
    if (subscribers !== undefined) await counter.reach(subscribers);
    if (run.ended) return;
    const { units } = await send();
    const { bytes: byteLength, dropped } = publisher.stats();
    const seen = counter.most;
    if (run.json) {
      run.print(safeJson({ event: 'end', channel, sent: units, bytes: byteLength, dropped }));
    }
    const what = plural(units, video === undefined ? 'message' : 'picture');
    const lost = dropped === 0 ? '' : `, ${dropped} dropped`;
    const size = byteLength === 0 ? '' : `, ${formatBytes(byteLength)}`;
    run.note(`sent ${what}${size}${lost}, to ${plural(seen, 'subscriber')}`);
    if (seen === 0 && units > 0) {
      run.note('nobody was subscribed; --subscribers 1 waits for the first');
    }
  } finally {
    await publisher.close();
  }
}

/** Follows how many subscribers there are. */
class SubscriberCounter {
  most = 0;
  #onChange: (() => void) | undefined;
  readonly #signal: AbortSignal;

  constructor(publisher: Publishing, signal: AbortSignal) {
    this.#signal = signal;
    void this.#follow(publisher);
  }

  /** Resolves when there have been `count` at once, or when the run ends. */
  async reach(count: number): Promise<void> {
    while (this.most < count && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
        this.#signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async #follow(publisher: Publishing): Promise<void> {
    for await (const { subscribers } of publisher.demand({ signal: this.#signal })) {
      this.most = Math.max(this.most, subscribers);
      this.#onChange?.();
    }
  }
}

function messageFormat(options: PubOptions): MessageFormat {
  if (options.bytes !== undefined) return bytes();
  const kind = options.jsonLines === true ? 'json' : (options.format ?? 'text');
  return kind === 'text' ? text() : kind === 'json' ? json() : bytes();
}

function publisherOptions(run: Run, options: PubOptions): Omit<PublisherOptions<never>, 'format'> {
  const { slots, ring, layout, memory, whenFull, label, allowUid, allowGid, wait, dir } = options;
  const allow = allowUid !== undefined || allowGid !== undefined;
  return {
    signal: run.signal,
    label: label ?? 'sluice pub',
    ...(slots === undefined ? {} : { slots }),
    ...(ring === undefined ? {} : { ringBytes: ring }),
    ...(layout === undefined ? {} : { layout }),
    ...(memory === undefined ? {} : { memory }),
    ...(whenFull === undefined ? {} : { whenFull }),
    ...(wait === true ? { whenTaken: 'wait' as const } : {}),
    ...(dir === undefined ? {} : { directory: dir }),
    ...(allow ? { allow: { uids: allowUid ?? [], gids: allowGid ?? [] } } : {}),
  };
}
