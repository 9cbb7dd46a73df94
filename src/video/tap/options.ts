/** Options of taps and their checks. */
import { isIPv4 } from 'node:net';
import { assertInteger, assertKnownKeys, assertOneOf } from '../../core/index.js';
import { PIXEL_FORMATS, type PixelFormat, video } from '../../format/index.js';
import type { AllowedPeers } from '../../bus/index.js';

/** All of {@link TapFormat}, those of pictures first. */
export const TAP_FORMATS = Object.freeze([
  ...(['y4m', 'nut', 'raw', 'unixfd'] as const),
  ...(['h264', 'hevc', 'mpegts'] as const),
]);
/**
 * What a tap speaks. From pictures: `y4m` (YUV4MPEG2, every program reads it), `nut` (with exact times), `raw` (pixels and
 * nothing else), `unixfd` (GStreamer's unixfdsrc: descriptors of memory that is read in place). From packets: `h264`,
 * `hevc` (Annex B), `mpegts` (with sound).
 */
export type TapFormat = (typeof TAP_FORMATS)[number];

/** How to open a tap: what it speaks, and `socket` or `tcp`. */
export interface TapOptions {
  readonly as: TapFormat;
  /** Path of the Unix socket to listen at. What a tap that crashed left there is replaced. */
  readonly socket?: string;
  /** `127.0.0.1:8554`: a loopback address to listen at; port 0 takes any. There is no protection but that. */
  readonly tcp?: string;
  /** Pictures of this size. Default: the size of the first one. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Pictures a second at most, and what `y4m` says. Default: all of them, at the rate that their times have. */
  readonly framesPerSecond?: number;
  /** Default: i420 for y4m, else the channel's. */
  readonly pixelFormat?: PixelFormat;
  /**
   * When the publisher ends: 'close' (default) ends the clients behind its last picture; 'hold' goes on with that picture,
   * also when none has come for a second. Packets cannot be repeated: 'hold' then only keeps the connection.
   */
  readonly whenLost?: 'hold' | 'close';
  /** Other users that may connect to the Unix socket, whose mode is then 0666. Default: nobody, mode 0600. */
  readonly allow?: AllowedPeers;
  /** Clients at once, 1 to 1024. Default 64. */
  readonly maxClients?: number;
  /** Closes the tap. */
  readonly signal?: AbortSignal;
  /** Runtime directory; by default the process's own. */
  readonly directory?: string;
  /** How the publisher's lists call the tap. Default `NAME-tap (y4m)`. */
  readonly label?: string;
}

const KNOWN = [
  'as',
  'socket',
  'tcp',
  'size',
  'framesPerSecond',
  'pixelFormat',
  'whenLost',
  'allow',
  'maxClients',
  'signal',
  'directory',
  'label',
] as const;

export const DEFAULT_MAX_CLIENTS = 64;

/** Those of pictures. */
export type PictureTapFormat = Exclude<TapFormat, 'h264' | 'hevc' | 'mpegts'>;

export function isPacketTap(as: TapFormat): as is 'h264' | 'hevc' | 'mpegts' {
  return as === 'h264' || as === 'hevc' || as === 'mpegts';
}

/** Throws `TypeError` or `RangeError` for what no tap can be opened with. */
export function checkTapOptions(options: TapOptions): void {
  assertKnownKeys('openTap()', options, KNOWN);
  assertOneOf('as', options.as, TAP_FORMATS);
  if ((options.socket === undefined) === (options.tcp === undefined)) {
    throw new TypeError('openTap() needs either socket or tcp: where clients connect');
  }
  if (options.tcp !== undefined) {
    parseTcpAddress(options.tcp);
    if (options.as === 'unixfd') throw new TypeError('unixfd needs socket: TCP passes no memory');
    if (options.allow !== undefined)
      throw new TypeError('allow is an option of socket, not of tcp');
  }
  const { size, framesPerSecond, pixelFormat, whenLost, maxClients } = options;
  if (isPacketTap(options.as)) {
    for (const name of ['size', 'framesPerSecond', 'pixelFormat'] as const) {
      if (options[name] === undefined) continue;
      throw new TypeError(
        `${name} is for y4m, nut, raw and unixfd: ${options.as} carries packets as they are`,
      );
    }
  }
  if (size !== undefined) video(size);
  if (framesPerSecond !== undefined && !(framesPerSecond > 0 && framesPerSecond <= 10_000)) {
    throw new RangeError(
      `framesPerSecond must be more than 0 and at most 10000, got ${framesPerSecond}`,
    );
  }
  if (pixelFormat !== undefined) assertOneOf('pixelFormat', pixelFormat, PIXEL_FORMATS);
  if (whenLost !== undefined) assertOneOf('whenLost', whenLost, ['hold', 'close']);
  if (maxClients !== undefined) assertInteger('maxClients', maxClients, 1, 1024);
}

export interface TcpAddress {
  readonly address: string;
  readonly port: number;
}

/** `127.0.0.1:8554`, `localhost:8554`, `[::1]:8554`. Throws `RangeError` for what is not loopback. */
export function parseTcpAddress(text: string): TcpAddress {
  const [, host = '', digits = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const address = host === 'localhost' ? '127.0.0.1' : host === '[::1]' ? '::1' : host;
  if (digits === '' || port > 65535 || !(address === '::1' || isIPv4(address))) {
    throw new RangeError(`tcp must be HOST:PORT, as 127.0.0.1:8554, got ${JSON.stringify(text)}`);
  }
  if (address === '::1' || address.startsWith('127.')) return { address, port };
  throw new RangeError(
    `tcp is for this machine only, 127.0.0.1 or [::1], got ${JSON.stringify(text)}: ` +
      'a tap asks nobody who they are; serve other machines by a server that does',
  );
}
