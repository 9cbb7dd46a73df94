/** How ffmpeg is told of an input: which of its devices and protocols, and what of it may be seen. */
import { type CameraOptions, isUrl } from './options.js';
import { hideSecrets } from '../ffmpeg/index.js';

export interface CameraInput {
  readonly kind: 'url' | 'file' | 'device' | 'screen' | 'generated';
  /** Without user, password and query. */
  readonly shown: string;
  readonly secrets: readonly string[];
  /** It gives raw pictures, or what only its own reader knows: decoded where it is read, and there are no packets. */
  readonly isRaw: boolean;
  /** Its end is a loss: it is opened again. */
  readonly isLive: boolean;
  /** Readers that are slow hold it up, and no picture is dropped for want of a slot. */
  readonly waits: boolean;
  /** ffmpeg loses the time of its first picture: see first-picture.ts. */
  readonly losesFirstTime: boolean;
  /** What stands before the output, `-i` included. */
  readonly args: readonly string[];
  /** For the standard input of the ffmpeg that opens it. */
  readonly script: string | undefined;
}

// Of a URL the times are taken as they are (-copyts): counted from the first that is known, the first picture, which
// may have none, would be at the place of the second.

/** µs without a byte after which a connection counts as lost. */
const SILENCE_US = 10_000_000;
/** What a list of inputs may lead to; the default leaves all but files out. */
const PROTOCOLS =
  'pipe,file,tcp,udp,rtp,rtcp,rtsp,rtmp,rtmps,http,https,httpproxy,tls,crypto,hls,srt';

export function cameraInput(options: CameraOptions): CameraInput {
  const { input, realtime, loop = false, inputOptions = {} } = options;
  const given = Object.entries(inputOptions).flatMap(([name, value]) => [`-${name}`, value]);
  const raw = { isRaw: true, losesFirstTime: false, secrets: [], script: undefined };
  if (input.startsWith('lavfi:')) {
    const pace = (realtime ?? true) ? ['-re'] : [];
    const args = [...pace, ...given, '-f', 'lavfi', '-i', input.slice('lavfi:'.length)];
    const waits = realtime === false;
    return { kind: 'generated', shown: input, isLive: false, waits, args, ...raw };
  }
  if (input.startsWith('x11:')) {
    const display = input.slice('x11:'.length) || (process.env['DISPLAY'] ?? ':0');
    const args = [...given, '-f', 'x11grab', '-i', display];
    return { kind: 'screen', shown: input, isLive: true, waits: false, args, ...raw };
  }
  if (/^\/dev\/(?:video\d+|v4l\/by-(?:id|path)\/[^/]+)$/.test(input)) {
    const args = [...given, '-f', 'v4l2', '-i', input];
    return { kind: 'device', shown: input, isLive: true, waits: false, args, ...raw };
  }
  if (isUrl(input)) {
    return urlInput(input, given, options);
  }
  const path = input.replace(/^file:(?:\/\/)?/, '');
  const pace = realtime === true ? ['-re'] : [];
  const again = loop ? ['-stream_loop', '-1'] : [];
  return {
    kind: 'file',
    shown: path,
    secrets: [],
    isRaw: false,
    losesFirstTime: false,
    isLive: false,
    waits: realtime !== true,
    args: [...pace, ...again, '-fflags', '+genpts', ...given, '-i', `file:${path}`],
    script: undefined,
  };
}

/**
 * A URL with a password or a query is named in a list that ffmpeg reads from its standard input, because everybody
 * can see the words of a command.
 */
function urlInput(
  url: string,
  given: readonly string[],
  { transport = 'tcp', secrets: named = [] }: CameraOptions,
): CameraInput {
  const { shown, secrets } = hideSecrets(url, named);
  const isRtsp = /^rtsps?:/i.test(url);
  const own = isRtsp
    ? [
        ['rtsp_transport', transport],
        ['timeout', String(SILENCE_US)],
      ]
    : /^https?:/i.test(url)
      ? [['rw_timeout', String(SILENCE_US)]]
      : [];
  const live = { isRaw: false, losesFirstTime: isRtsp, isLive: true, waits: false };
  const about = { kind: 'url', shown, secrets, ...live } as const;
  if (secrets.length === 0) {
    const words = own.flatMap(([name = '', value = '']) => [`-${name}`, value]);
    return { ...about, args: ['-copyts', ...words, ...given, '-i', url], script: undefined };
  }
  const options = own.map(([name, value]) => `option ${name} ${value}\n`).join('');
  const script = `ffconcat version 1.0\nfile '${url.replaceAll("'", String.raw`'\''`)}'\n${options}`;
  const list = ['-f', 'concat', '-safe', '0', '-protocol_whitelist', PROTOCOLS];
  return { ...about, args: ['-copyts', ...list, ...given, '-i', 'pipe:0'], script };
}
