/** Options of cameras, their defaults and their checks. */
import type { AllowedPeers } from '../../bus/index.js';
import { assertInteger, assertKnownKeys, assertOneOf } from '../../core/index.js';
import { MAX_POOL_SLOTS } from '../../layout/index.js';
import type { Memory } from '../../memory/index.js';
import { MIN_SECRET_LENGTH } from '../ffmpeg/index.js';
import { checkPcmOptions, type PcmOptions } from '../sound/index.js';
import type { CameraStatus } from './camera-status.js';
import { checkPacketRing } from './packet-output.js';

/** How to open a camera. Only the input is needed. */
export interface CameraOptions {
  /**
   * What ffmpeg is to open: `rtsp://…` and other URLs, a file, `/dev/video0`, `x11:` or `x11::0.0+10,20`,
   * `lavfi:GRAPH`. Name, password and query of a URL are given to ffmpeg through a pipe and shown nowhere.
   */
  readonly input: string;
  /** Words in the input, a URL, that are to be treated like its password. Each has three characters or more. */
  readonly secrets?: readonly string[];
  /** Where the frames live: 'cuda' decodes on the GPU where it can, and copies to it where it cannot. Default 'host'. */
  readonly memory?: Memory;
  /** Files: begin again at the end. Default false. */
  readonly loop?: boolean;
  /** Files and lavfi: no faster than the pictures are meant to be seen. Default: lavfi true, files false. */
  readonly realtime?: boolean;
  /**
   * `always`; `demand`: while somebody subscribes to the frames, and key frames only while all of them ask for no
   * more; `key`: key frames only. Packets are published in any case. Default 'always'.
   */
  readonly decode?: 'always' | 'demand' | 'key';
  /** Threads of the decoder. More than one adds a frame of delay each, in ffmpeg. Default 1. */
  readonly decodeThreads?: number;
  /** Slots of the frame channel; see `openPublisher`. */
  readonly slots?: number;
  /** Size of the ring of packets: more than two groups of pictures. Default 8 MiB. */
  readonly packetRingBytes?: number;
  /** Sound: its packets as they are, decoded for those who read samples; or nothing. Default 'packets'. */
  readonly audio?: 'packets' | 'none';
  /** How `<channel>/audio/pcm` has the samples. Default: `f32`, rate and channels as the sound has them. */
  readonly pcm?: PcmOptions;
  /** RTSP: how the pictures come. Default 'tcp'. */
  readonly transport?: 'tcp' | 'udp';
  /** More options for ffmpeg's input, such as `{ video_size: '1280x720' }`: visible to all users of the machine. */
  readonly inputOptions?: Readonly<Record<string, string>>;
  /**
   * When the input is not there at the start for a reason that may pass (refused, no answer): try again, or fail.
   * What no waiting mends, such as a wrong password, fails in any case. Default 'wait'.
   */
  readonly whenMissing?: 'wait' | 'fail';
  /** Other users that may read the channels; see docs/security.md. */
  readonly allow?: AllowedPeers;
  /** Told of what happens, also while the input is still waited for; see `camera.status()`. */
  readonly onStatus?: (status: CameraStatus) => void;
  /** Ends the wait for the input, and later the camera. */
  readonly signal?: AbortSignal;
  /** Runtime directory; by default the process's own. */
  readonly directory?: string;
  /** How lists call the publisher. Default 'sluice camera'. */
  readonly label?: string;
}

const KNOWN = [
  'input',
  'secrets',
  'memory',
  'loop',
  'realtime',
  'decode',
  'decodeThreads',
  'slots',
  'packetRingBytes',
  'audio',
  'pcm',
  'transport',
  'inputOptions',
  'whenMissing',
  'allow',
  'onStatus',
  'signal',
  'directory',
  'label',
] as const;

/** As a URL says it, `rtsp://…`: what stands in other inputs ffmpeg is told where everybody can see it. */
export function isUrl(input: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(input) && !input.startsWith('file://');
}

const OPTION_NAME = /^[a-z0-9_:]{1,64}$/;

/** Throws `TypeError` or `RangeError` for what no camera can be opened with. Publishers check the rest. */
export function checkCameraOptions(options: CameraOptions): void {
  assertKnownKeys('openCamera()', options, KNOWN);
  const { input, inputOptions = {}, decodeThreads, slots } = options;
  if (typeof input !== 'string' || input === '' || /[\u0000-\u001f]/.test(input)) {
    throw new TypeError('input must be a URL, a path or a device, without control characters');
  }
  checkSecrets(input, options.secrets ?? []);
  const choices = [
    ['decode', ['always', 'demand', 'key']],
    ['audio', ['packets', 'none']],
    ['transport', ['tcp', 'udp']],
    ['whenMissing', ['wait', 'fail']],
  ] as const;
  for (const [name, values] of choices) {
    if (options[name] !== undefined) assertOneOf<string>(name, options[name], values);
  }
  if (decodeThreads !== undefined) assertInteger('decodeThreads', decodeThreads, 1, 64);
  if (slots !== undefined) assertInteger('slots', slots, 2, MAX_POOL_SLOTS);
  checkPacketRing(options.packetRingBytes);
  if (options.pcm !== undefined) checkPcmOptions(options.pcm);
  for (const [name, value] of Object.entries(inputOptions)) {
    if (!OPTION_NAME.test(name) || typeof value !== 'string') {
      throw new TypeError(`inputOptions must map option names of ffmpeg to strings, got '${name}'`);
    }
  }
}

function checkSecrets(input: string, secrets: readonly string[]): void {
  if (secrets.length === 0) return;
  if (!isUrl(input)) throw new TypeError('secrets are for inputs that are URLs');
  const isLong = (secret: unknown): boolean =>
    typeof secret === 'string' && secret.length >= MIN_SECRET_LENGTH;
  if (secrets.every(isLong)) return;
  throw new RangeError('secrets must be strings of three characters or more');
}
