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
import {
  type PictureOptions,
  PictureSender,
  sendPictures,
  sendStream,
} from '../pub/send-pictures.js';
import { type CommonOptions, opensAsUsage, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';

interface PubOptions extends CommonOptions {
  readonly format?: 'text' | 'json' | 'bytes' | 'y4m' | 'nut' | 'rawvideo';
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
  'ffmpeg -v error -i clip.mp4 -an -c:v rawvideo -pix_fmt nv12 -f nut - | sluice pub clip --format nut',
  'cat pictures.nv12 | sluice pub clip --video nv12:640x480 --memory cuda:0',
];

export function configure(command: Command, start: Start): void {
  const notWithVideo = ['jsonLines', 'bytes', 'layout', 'ring'];
  command
    .argument('<channel>', 'its name', channelName)
    .addOption(
      new Option(
        '--format <kind>',
        'what a line is (default text), or pictures: y4m, nut, rawvideo (with --video)',
      ).choices(['text', 'json', 'bytes', 'y4m', 'nut', 'rawvideo']),
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
  checkTogether(options);
  const settings = publisherOptions(run, options);
  if (options.format === 'y4m' || options.format === 'nut') {
    return pubStream(run, channel, options, options.format);
  }
  if (options.video !== undefined) {
    const publisher = await openPictures(channel, { format: options.video, ...settings });
    const send = (): Promise<SendResult> => sendPictures(run, publisher, pictureOptions(options));
    return publish(run, publisher, options, send);
  }
  const format = messageFormat(options);
  const publisher = await opensAsUsage(() => openPublisher(channel, { format, ...settings }));
  await publish(run, publisher, options, () =>
    options.bytes === undefined
      ? sendLines(run, publisher, options.frames ?? Infinity)
      : sendFile(run, publisher, options.bytes),
  );
}

function isOfPictures({ format, video }: PubOptions): boolean {
  return video !== undefined || format === 'y4m' || format === 'nut';
}

function checkTogether(options: PubOptions): void {
  const { format, video, fps, slots, layout, memory, ring } = options;
  const pictures = isOfPictures(options);
  if (format === 'rawvideo' && video === undefined) {
    throw new UsageError(
      '--format rawvideo needs --video: nothing in it says what the pictures are',
    );
  }
  if (video !== undefined && format !== undefined && format !== 'rawvideo') {
    throw new UsageError(`--video describes rawvideo, and --format is ${format}: choose one`);
  }
  if (pictures && (layout !== undefined || ring !== undefined)) {
    throw new UsageError('--layout and --ring are options of messages; --slots sizes a pool');
  }
  if (!pictures && fps !== undefined) throw new UsageError('--fps is an option of pictures');
  if (!pictures && layout !== 'slots' && slots !== undefined) {
    throw new UsageError(
      '--slots is an option of pictures and of --layout slots; --ring sizes a ring of messages',
    );
  }
  if (!pictures && memory !== undefined && memory !== 'host') {
    throw new UsageError('--memory is an option of pictures: messages are in host memory');
  }
}

/** What the pictures are shows in the input: the channel is opened once that is read. */
async function pubStream(
  run: Run,
  channel: string,
  options: PubOptions,
  stream: 'y4m' | 'nut',
): Promise<void> {
  let publication: Publication | undefined;
  try {
    const { units } = await sendStream(run, stream, async (format) => {
      const publisher = await openPictures(channel, { format, ...publisherOptions(run, options) });
      publication = new Publication(run, publisher, options);
      await publication.begin();
      return new PictureSender(run, publisher, pictureOptions(options));
    });
    publication?.report(units);
  } finally {
    await publication?.close();
  }
}

function pictureOptions({ fps, whenFull, frames }: PubOptions): PictureOptions {
  return {
    framesPerSecond: fps,
    waitsForSlots: whenFull === 'wait',
    most: frames ?? Infinity,
  };
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
  options: PubOptions,
  send: () => Promise<SendResult>,
): Promise<void> {
  const publication = new Publication(run, publisher, options);
  try {
    await publication.begin();
    if (run.ended) return;
    const { units } = await send();
    publication.report(units);
  } finally {
    await publication.close();
  }
}

/** What is said of a publisher at its beginning and end. */
class Publication {
  readonly #run: Run;
  readonly #publisher: Publishing;
  readonly #options: PubOptions;
  readonly #counter: SubscriberCounter;

  constructor(run: Run, publisher: Publishing, options: PubOptions) {
    this.#run = run;
    this.#publisher = publisher;
    this.#options = options;
    this.#counter = new SubscriberCounter(publisher, run.signal);
  }

  /** Waits for as many subscribers as are wanted, or the end of the run. */
  async begin(): Promise<void> {
    const { channel, manifest } = this.#publisher;
    const run = this.#run;
    if (run.json) run.print(safeJson({ event: 'open', channel, instance: manifest.instance }));
    if (process.stdin.isTTY === true)
      run.note(`publishing ${channel} line by line; Ctrl-D ends it`);
    const { subscribers } = this.#options;
    if (subscribers !== undefined) await this.#counter.reach(subscribers);
  }

  report(units: number): void {
    const run = this.#run;
    const { channel } = this.#publisher;
    const { bytes: byteLength, dropped } = this.#publisher.stats();
    const seen = this.#counter.most;
    if (run.json) {
      run.print(safeJson({ event: 'end', channel, sent: units, bytes: byteLength, dropped }));
    }
    const what = plural(units, isOfPictures(this.#options) ? 'picture' : 'message');
    const lost = dropped === 0 ? '' : `, ${dropped} dropped`;
    const size = byteLength === 0 ? '' : `, ${formatBytes(byteLength)}`;
    run.note(`sent ${what}${size}${lost}, to ${plural(seen, 'subscriber')}`);
    if (seen === 0 && units > 0) {
      run.note('nobody was subscribed; --subscribers 1 waits for the first');
    }
  }

  close(): Promise<void> {
    return this.#publisher.close();
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
