/** Options of subscribers, their defaults and their checks. */
import { assertInteger, assertKnownKeys, assertOneOf } from '../../core/index.js';
import type { FormatPattern } from '../../format/index.js';
import type { StreamLike } from '../../gpu/index.js';
import { MAX_LEASES } from '../../layout/index.js';
import type { Memory } from '../../memory/index.js';
import type { AllowedPeers } from '../transport/access.js';
import { checkLabel } from '../publisher/options.js';

/**
 * How to open a subscriber. Only the format is needed; the defaults suit a live view (frames) and a complete log
 * (messages).
 */
export interface SubscriberOptions<F> {
  /** What the channel must carry; what is left out may vary. A mismatch is `FORMAT_MISMATCH`, now or later. */
  readonly format?: F;
  /** `latest`: the newest only. `every`: in order. Default: frames 'latest', messages 'every'. */
  readonly delivery?: 'latest' | 'every';
  /**
   * `every`: how many frames or messages (slots, in the slots layout) to be behind at most; further behind,
   * `whenBehind` decides. Default: frames 4, messages what the ring allows.
   */
  readonly maxLag?: number;
  /** `every`, when further behind: skip to what is there, or end. Default 'skip'. */
  readonly whenBehind?: 'skip' | 'end';
  /** Messages: where to begin; a number is a sequence. Default 'newest'. */
  readonly start?: 'newest' | 'oldest' | number;
  /** Only the sequences ≡ index (mod count): one member of a group that splits the channel. */
  readonly share?: { readonly index: number; readonly count: number };
  /** Frames: only those with the key flag; the publisher learns of it by `demand()`. */
  readonly keyFramesOnly?: boolean;
  /** When nobody publishes yet. Default 'wait': the order of starting never matters. */
  readonly whenMissing?: 'wait' | 'fail';
  /** When the publisher ends. Default 'reconnect'. */
  readonly whenLost?: 'reconnect' | 'end';
  /** Frames: how many to hold at once, 1 to 16. Default 2, or fewer when the channel has no more to give. */
  readonly maxHeld?: number;
  /**
   * Frames of a CUDA channel: the stream that reads them. Each frame is waited for in the stream before its delivery
   * and given back in the stream behind its release, so that the processor waits for neither.
   */
  readonly stream?: StreamLike;
  /** Frames of a CUDA channel: the GPU that reads them. Default that of the stream, else the publisher's. */
  readonly device?: number | string;
  /**
   * Frames: where to copy them when they are not there already. 'host': the publisher of a CUDA channel copies each
   * frame once for all who ask. 'cuda', 'cuda:1': host frames are copied to this GPU as they come. Without it frames
   * are read in place, and a subscriber that cannot do so fails: nothing copies silently.
   */
  readonly copyTo?: Memory;
  /** Other users whose publishers are trusted, beside the own. */
  readonly allow?: AllowedPeers;
  /** Ends the wait for the channel, and later the subscriber. */
  readonly signal?: AbortSignal;
  /** Runtime directory; by default the process's own. */
  readonly directory?: string;
  /** How the publisher's lists call this subscriber. Default: the program's name. */
  readonly label?: string;
}

const KNOWN = [
  'format',
  'delivery',
  'maxLag',
  'whenBehind',
  'start',
  'share',
  'keyFramesOnly',
  'whenMissing',
  'whenLost',
  'maxHeld',
  'stream',
  'device',
  'copyTo',
  'allow',
  'signal',
  'directory',
  'label',
] as const;

export const DEFAULT_HELD = 2;
export const DEFAULT_FRAME_LAG = 4;
/** Further behind than any ring can be: the ring's own bounds decide. */
export const UNBOUNDED_LAG = 2 ** 30;
const MAX_SHARES = 2 ** 16;

/** Throws `TypeError` or `RangeError` for what no subscriber can be opened with. */
export function checkSubscriberOptions(
  options: SubscriberOptions<FormatPattern>,
  kind: 'frame' | 'message',
): void {
  assertKnownKeys('openSubscriber()', options, KNOWN);
  const choices = [
    ['delivery', ['latest', 'every']],
    ['whenBehind', ['skip', 'end']],
    ['whenMissing', ['wait', 'fail']],
    ['whenLost', ['reconnect', 'end']],
  ] as const;
  for (const [name, values] of choices) {
    if (options[name] !== undefined) assertOneOf<string>(name, options[name], values);
  }
  const {
    delivery = kind === 'frame' ? 'latest' : 'every',
    maxLag,
    start,
    share,
    maxHeld,
  } = options;
  if (delivery === 'latest' && (maxLag !== undefined || options.whenBehind !== undefined)) {
    throw new TypeError("maxLag and whenBehind belong to delivery: 'every'");
  }
  if (maxLag !== undefined) assertInteger('maxLag', maxLag, 1, UNBOUNDED_LAG);
  if (start !== undefined) {
    if (kind === 'frame')
      throw new TypeError('start is an option of message channels: a pool keeps no history');
    if (typeof start === 'number') assertInteger('start', start, 0, Number.MAX_SAFE_INTEGER);
    else assertOneOf('start', start, ['newest', 'oldest']);
  }
  if (share !== undefined) {
    assertInteger('share.count', share.count, 1, MAX_SHARES);
    assertInteger('share.index', share.index, 0, share.count - 1);
  }
  if (kind === 'message') {
    for (const name of ['keyFramesOnly', 'maxHeld', 'stream', 'device', 'copyTo'] as const) {
      if (options[name] !== undefined)
        throw new TypeError(`${name} is an option of frame channels`);
    }
  }
  checkReading(options);
  if (maxHeld !== undefined) assertInteger('maxHeld', maxHeld, 1, MAX_LEASES);
  checkLabel(options.label);
}

function checkReading({ copyTo, stream, device }: SubscriberOptions<FormatPattern>): void {
  if (copyTo === undefined) return;
  if (typeof copyTo !== 'string' || !/^(?:host|cuda(?::[0-9A-Za-z-]{1,64})?)$/.test(copyTo)) {
    throw new RangeError(
      `copyTo must be 'host', 'cuda', 'cuda:1' or 'cuda:GPU-…', got '${String(copyTo)}'`,
    );
  }
  if (copyTo === 'host' && (stream !== undefined || device !== undefined)) {
    throw new TypeError(
      "stream and device are for frames on a GPU; copyTo: 'host' reads host memory",
    );
  }
}
