/** `sluice camera <channel> <input>`: opens a camera, a file or a screen, and publishes what it gives until it ends. */
import { type Command, Option } from 'commander';
import { printable } from '../../core/index.js';
import { describeFormat } from '../../format/index.js';
import {
  type Camera,
  type CameraOptions,
  type CameraStats,
  type CameraStatus,
  openCamera,
  type PcmOptions,
} from '../../video/index.js';
import { isUrl } from '../../video/camera/options.js';
import { subStreamChannel, subStreamOptions } from '../../video/camera/sub-stream.js';
import { MIN_SECRET_LENGTH } from '../../video/ffmpeg/index.js';
import { expandVariables } from '../../video/up/variables.js';
import { CameraHealthReport } from '../camera-health.js';
import { addHealthOptions, type HealthOptions, healthServices } from '../health-options.js';
import { memoryName, type MemoryName, withRemedy } from '../gpu-options.js';
import { atLeast, channelName, listOf } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, ExitCode, opensAsUsage, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { plural } from '../units.js';

interface CameraCommandOptions extends CommonOptions, HealthOptions {
  readonly subStream?: string;
  readonly memory?: MemoryName;
  readonly slots?: number;
  readonly decode?: CameraOptions['decode'];
  readonly threads?: number;
  readonly loop?: boolean;
  readonly realtime?: boolean;
  readonly transport?: 'tcp' | 'udp';
  readonly audio?: boolean;
  readonly pcm?: PcmOptions;
  readonly wait?: boolean;
  readonly ring?: number;
  readonly inputOption?: readonly (readonly [string, string])[];
  readonly allowUid?: readonly number[];
  readonly allowGid?: readonly number[];
  readonly label?: string;
}

export const EXAMPLES = [
  "sluice camera camera/door 'rtsp://${DOOR_LOGIN}@10.0.0.7/stream1' --metrics 9464",
  "sluice camera camera/door 'rtsp://${DOOR_LOGIN}@10.0.0.7/main' --sub-stream 'rtsp://${DOOR_LOGIN}@10.0.0.7/sub'",
  'sluice camera camera/clip clip.mp4 --loop --realtime',
  'sluice camera camera/desk /dev/video0 --input-option video_size=1280x720',
  'sluice camera camera/yard rtsp://10.0.0.8/live --pcm i16,16000,mono',
  'sluice camera screen x11::0.0 --decode demand',
  'sluice camera test lavfi:testsrc2=size=1280x720:rate=30 --seconds 10',
];

/** How often a run with --json says how the camera is. */
const REPORT_EVERY_MS = 1000;

export function configure(command: Command, start: Start): void {
  command
    .argument('<channel>', 'of the frames; packets and sound go beside it', channelName)
    .argument(
      '<input>',
      'URL, file, /dev/videoN, x11:DISPLAY or lavfi:GRAPH; ${NAME} is taken from the environment',
    )
    .option(
      '--sub-stream <input>',
      'a second, smaller stream of the same camera, published as <channel>/sub',
    )
    .addOption(
      new Option(
        '--memory <memory>',
        'where frames live: host (default), cuda or cuda:N, which also decodes them',
      ).argParser(memoryName('--memory')),
    )
    .option('--slots <n>', 'of the pool of frames', atLeast('--slots', 2))
    .addOption(
      new Option(
        '--decode <when>',
        'always (default), on demand of subscribers, or key frames only',
      ).choices(['always', 'demand', 'key']),
    )
    .option(
      '--threads <n>',
      'of the decoder; each but the first delays by a frame',
      atLeast('--threads', 1),
    )
    .option('--loop', 'begin a file again at its end')
    .option('--realtime', 'a file no faster than it is meant to be seen (the default of lavfi)')
    .option('--no-realtime', 'as fast as readers take it (the default of files)')
    .addOption(
      new Option('--transport <protocol>', 'of RTSP (default tcp)').choices(['tcp', 'udp']),
    )
    .option('--no-audio', 'without sound')
    .addOption(
      new Option(
        '--pcm <words>',
        'how sound is decoded for who reads it: f32 or i16, a rate in Hz, mono or stereo',
      ).argParser(pcmWords),
    )
    .option('--no-wait', 'fail when the input is not there')
    .option('--ring <bytes>', 'size of the ring of packets (default 8 MiB)', atLeast('--ring', 1))
    .option(
      '--input-option <name=value>',
      "of ffmpeg's input, such as video_size=1280x720; may be repeated",
      listOf(nameAndValue),
    )
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
    .option('--label <text>', 'how lists call this publisher')
    .action((channel: string, input: string, options: CameraCommandOptions) =>
      start(options, (run) => watchOver(run, channel, input, options)),
    );
  addHealthOptions(command);
  addEndOptions(command);
}

/** So that a password need not be among the words of a command, which everybody can see. */
function fromEnvironment(given: string): Pick<CameraOptions, 'input' | 'secrets'> {
  const { text: input, values, missing } = expandVariables(given, process.env);
  if (missing.length > 0)
    throw new UsageError(`\${${missing[0]}} in the input: there is no such variable`);
  const secrets = values.filter((value) => value.length >= MIN_SECRET_LENGTH);
  return isUrl(input) && secrets.length > 0 ? { input, secrets } : { input };
}

function nameAndValue(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UsageError(`--input-option ${JSON.stringify(text)}: must be NAME=VALUE`);
}

/** `i16,16000,mono`: in any order, each once. */
function pcmWords(text: string): PcmOptions {
  const pcm: { -readonly [K in keyof PcmOptions]: PcmOptions[K] } = {};
  const words = text.split(',');
  for (const word of words) {
    if (word === 'f32' || word === 'i16') pcm.dtype = word;
    else if (word === 'mono' || word === 'stereo') pcm.channels = word === 'mono' ? 1 : 2;
    else if (/^\d{4,6}$/.test(word)) pcm.sampleRateHz = Number(word);
  }
  if (Object.keys(pcm).length === words.length) return pcm;
  const meant = 'f32 or i16, a rate in Hz, mono or stereo, as i16,16000,mono';
  throw new UsageError(`--pcm ${JSON.stringify(text)}: must be of ${meant}`);
}

/** The run is that of the main stream. A sub-stream ends with it; when it fails for good, it ends the run. */
async function watchOver(
  run: Run,
  channel: string,
  input: string,
  options: CameraCommandOptions,
): Promise<number> {
  const { subStream } = options;
  const services = healthServices(options, process.env);
  const ending = new AbortController();
  const signal = AbortSignal.any([run.signal, ending.signal]);
  const given = { ...cameraOptions(run, options), ...fromEnvironment(input), signal };
  const beside = subStream && subStreamOptions(given, fromEnvironment(subStream));
  // Before the camera is there: that it is not is what they have to tell first.
  const health = new CameraHealthReport(run, services);
  const main = publish(run, channel, given, health);
  const sub = beside ? publish(run, subStreamChannel(channel), beside, health) : main;
  try {
    return await Promise.race([main, sub.then(() => main)]);
  } finally {
    ending.abort();
    await Promise.allSettled([main, sub]);
    await health.close();
  }
}

async function publish(
  run: Run,
  channel: string,
  options: CameraOptions,
  health: CameraHealthReport,
): Promise<number> {
  const told = health.add(channel);
  const onStatus = (status: CameraStatus): void => {
    if (status.type === 'lost') told.lastError = status.error.message;
    tellStatus(run, channel, status);
  };
  const camera = await open(run, channel, { ...options, onStatus });
  told.stats = () => camera.stats();
  let report: NodeJS.Timeout | undefined;
  try {
    const beside = [camera.packets, camera.audio, camera.pcm].filter((name) => name !== undefined);
    const format = camera.format === undefined ? '' : describeFormat(camera.format);
    if (run.json) {
      run.print(
        safeJson({ event: 'open', channel, beside, format: camera.format, ...camera.stats() }),
      );
      const tell = (): void => run.print(safeJson({ event: 'stats', channel, ...camera.stats() }));
      report = setInterval(tell, REPORT_EVERY_MS);
    } else {
      const names = beside.length === 0 ? '' : `; beside it ${beside.join(', ')}`;
      run.note(`publishing ${channel}: ${format} from ${printable(camera.stats().input)}${names}`);
    }
    await camera.closed;
  } finally {
    clearInterval(report);
    await camera.close();
  }
  return tellEnd(run, camera);
}

async function open(run: Run, channel: string, options: CameraOptions): Promise<Camera> {
  try {
    return await opensAsUsage(() => openCamera(channel, options));
  } catch (error) {
    // Waiting for an input that may come is ended like any other run.
    run.signal.throwIfAborted();
    throw withRemedy(error, {
      CUDA_UNAVAILABLE: 'Leave --memory out: frames are then decoded to host memory.',
      WRONG_DEVICE: 'Name one of these with --memory; `sluice doctor` shows them.',
    });
  }
}

function cameraOptions(run: Run, options: CameraCommandOptions): Omit<CameraOptions, 'input'> {
  const { memory, slots, decode, threads, loop, realtime, transport, ring, dir } = options;
  const { allowUid, allowGid, label, inputOption, pcm } = options;
  const allow = allowUid !== undefined || allowGid !== undefined;
  return {
    signal: run.signal,
    whenMissing: options.wait === false ? 'fail' : 'wait',
    audio: options.audio === false ? 'none' : 'packets',
    ...(pcm === undefined ? {} : { pcm }),
    ...(memory === undefined ? {} : { memory }),
    ...(slots === undefined ? {} : { slots }),
    ...(decode === undefined ? {} : { decode }),
    ...(threads === undefined ? {} : { decodeThreads: threads }),
    ...(loop === undefined ? {} : { loop }),
    ...(realtime === undefined ? {} : { realtime }),
    ...(transport === undefined ? {} : { transport }),
    ...(ring === undefined ? {} : { packetRingBytes: ring }),
    ...(inputOption === undefined ? {} : { inputOptions: Object.fromEntries(inputOption) }),
    ...(dir === undefined ? {} : { directory: dir }),
    ...(label === undefined ? {} : { label }),
    ...(allow ? { allow: { uids: allowUid ?? [], gids: allowGid ?? [] } } : {}),
  };
}

function tellStatus(run: Run, channel: string, status: CameraStatus): void {
  if (status.type === 'lost') {
    const { error, retryInMs } = status;
    if (run.json) {
      const { code, message } = error;
      run.print(safeJson({ event: 'lost', channel, code, message, retryInMs }));
    }
    run.note(`${error.message}; next attempt in ${(retryInMs / 1000).toFixed(1)} s`);
  } else if (status.type === 'decoder') {
    run.note(status.error.message);
  } else if (run.json) {
    run.print(safeJson({ event: status.type, channel, ...status }));
  }
}

async function tellEnd(run: Run, camera: Camera): Promise<number> {
  const { reason, error } = await camera.closed;
  const stats: CameraStats = camera.stats();
  if (run.json) run.print(safeJson({ event: 'end', channel: camera.channel, reason, ...stats }));
  const dropped = stats.dropped === 0 ? '' : `, ${stats.dropped} dropped`;
  run.note(`${camera.channel}: published ${plural(stats.frames, 'frame')}${dropped}`);
  if (error !== undefined) throw error;
  return ExitCode.done;
}
