/** `sluice pub <channel>`: publishes standard input: lines as messages, or raw pictures as frames. */
import { type Command, Option } from 'commander';
import { bytes, json, text, type MessageFormat, type VideoFormat } from '../../format/index.js';
import { openPublisher } from '../../bus/open.js';
import type { FramePublisher } from '../../bus/publisher/frame-publisher.js';
import type { PublisherOptions } from '../../bus/publisher/options.js';
import { TEXT_TYPE } from '../../terminal/stream/message-types.js';
import {
  atLeast,
  channelName,
  channelPattern,
  framesPerSecond,
  listOf,
  videoFormat,
} from '../option-values.js';
import { textType, textTypes } from '../pub/text-type.js';
import { memoryName, type MemoryName, withRemedy } from '../gpu-options.js';
import { addEndOptions, type Start } from '../program.js';
import { type Announcement, Publication, type Publishing } from '../pub/publication.js';
import { sendFile, sendLines, type SendResult } from '../pub/send-messages.js';
import {
  type PictureOptions,
  PictureSender,
  sendPictures,
  sendStream,
} from '../pub/send-pictures.js';
import { type CommonOptions, opensAsUsage, type Run, UsageError } from '../run.js';

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
  readonly interactive?: boolean;
  readonly watch?: string;
  readonly type?: number;
}

export const EXAMPLES = [
  'echo hello | sluice pub chat --subscribers 1',
  'sluice pub chat',
  'sluice pub --interactive agent/me',
  'some-command | sluice pub agent/build --type info',
  'sluice pub logo --bytes logo.png --subscribers 1',
  'ffmpeg -v error -i clip.mp4 -f rawvideo -pix_fmt nv12 -s 640x480 - | sluice pub clip --video nv12:640x480 --fps 25',
  'ffmpeg -v error -i clip.mp4 -an -c:v rawvideo -pix_fmt nv12 -f nut - | sluice pub clip --format nut',
  'cat pictures.nv12 | sluice pub clip --video nv12:640x480 --memory cuda:0',
];

export function configure(command: Command, start: Start): void {
  const notWithVideo = ['jsonLines', 'bytes', 'layout', 'ring', 'type'];
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
  addMessageOptions(command);
  addEndOptions(command, 'messages or pictures');
}

/** Of messages alone. */
function addMessageOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '-i, --interactive',
        'a prompt for messages, below what all agents say; without a terminal, line by line',
      ).conflicts(['format', 'jsonLines', 'bytes', 'video']),
    )
    .option(
      '--watch <pattern>',
      'with --interactive: what is shown; default agent/*',
      channelPattern,
    )
    .addOption(
      new Option(
        '--type <name>',
        `what the messages are: ${textTypes()}, or 0 to 255; default system, with --interactive user`,
      ).argParser(textType),
    );
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
  if (options.interactive === true) return pubInteractive(run, channel, options);
  const format = messageFormat(options);
  const publisher = await opensAsUsage(() => openPublisher(channel, { format, ...settings }));
  const { bytes: file, type = TEXT_TYPE.system, frames: most = Infinity } = options;
  await publish(run, publisher, options, () =>
    file === undefined
      ? sendLines(run, publisher, { most, type })
      : sendFile(run, publisher, file, type),
  );
}

async function pubInteractive(run: Run, channel: string, options: PubOptions): Promise<void> {
  const settings = publisherOptions(run, options);
  const { converse } = await import('../pub/interactive.js');
  const publisher = await opensAsUsage(() =>
    openPublisher(channel, { format: text(), ...settings }),
  );
  const { type = TEXT_TYPE.user, watch = 'agent/*', frames: most = Infinity, dir } = options;
  await publish(run, publisher, options, () =>
    converse(run, { publisher, type, watch, most, directory: dir }),
  );
}

function isOfPictures({ format, video }: PubOptions): boolean {
  return video !== undefined || format === 'y4m' || format === 'nut';
}

function announcementOf(options: PubOptions): Announcement {
  const { interactive, subscribers } = options;
  return {
    unit: isOfPictures(options) ? 'picture' : 'message',
    ...(interactive === undefined ? {} : { prompt: interactive }),
    ...(subscribers === undefined ? {} : { subscribers }),
  };
}

function checkTogether(options: PubOptions): void {
  const { format, video, fps, slots, layout, memory, ring, interactive, watch, type } = options;
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
  if (pictures && type !== undefined) throw new UsageError('--type is an option of messages');
  if (interactive !== true && watch !== undefined) {
    throw new UsageError(
      '--watch is an option of --interactive; `sluice sub` shows a channel alone',
    );
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
      publication = new Publication(run, publisher, announcementOf(options));
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

async function publish(
  run: Run,
  publisher: Publishing,
  options: PubOptions,
  send: () => Promise<SendResult>,
): Promise<void> {
  const publication = new Publication(run, publisher, announcementOf(options));
  try {
    await publication.begin();
    if (run.ended) return;
    const { units } = await send();
    publication.report(units);
  } finally {
    await publication.close();
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
