/** What a subscriber asks for in HELLO, and what it makes of the answer. */
import { SluiceError } from '../../core/index.js';
import { describeFormat, formatMismatch, type FormatPattern } from '../../format/index.js';
import { monotonicNs } from '../../ffi/index.js';
import type { Epoch, Hello, StartPosition, Welcome } from '../../layout/handshake.js';
import { currentBootId } from '../directory/boot-id.js';
import type { Connection } from '../transport/connection.js';
import { parseManifest, type Manifest } from '../directory/manifest.js';
import { protocolFailure, type SessionTerms } from './link-session.js';
import type { ReadingPlace } from './reading-place.js';
import {
  DEFAULT_FRAME_LAG,
  DEFAULT_HELD,
  type SubscriberOptions,
  UNBOUNDED_LAG,
} from './options.js';

/** Clocks further apart than a handshake may take are clocks of different time namespaces. */
const CLOCK_NAMESPACE_NS = 10e9;

/** What a subscriber wants, from its first HELLO to its last. */
export interface LinkWishes {
  readonly channel: string;
  readonly kind: 'frame' | 'message';
  readonly options: SubscriberOptions<FormatPattern>;
}

export function helloOf(
  { options, kind }: LinkWishes,
  delivery: 'latest' | 'every',
  start: StartPosition,
  place: ReadingPlace,
): Hello {
  const { share, maxHeld, keyFramesOnly, maxLag } = options;
  const lag = maxLag ?? (kind === 'frame' ? DEFAULT_FRAME_LAG : UNBOUNDED_LAG);
  return {
    protocol: 1,
    role: 'subscriber',
    delivery,
    maxLag: delivery === 'every' ? lag : 0,
    leases: kind === 'frame' ? (maxHeld ?? DEFAULT_HELD) : 0,
    start,
    ...(share === undefined ? {} : { share: [share.index, share.count] as const }),
    ...(keyFramesOnly === true ? { keyFramesOnly } : {}),
    ...(place.device === undefined ? {} : { device: place.device.uuid }),
    ...(place.hostCopy ? { copy: 'host' as const } : {}),
    label: (options.label ?? process.argv[1]?.split('/').at(-1) ?? 'node').slice(0, 128),
    bootId: currentBootId(),
    monotonicNs: monotonicNs(),
  };
}

/**
 * The terms of a session from WELCOME, or from an EPOCH that follows it.
 * Throws `PROTOCOL`, `FORMAT_MISMATCH`, `LEASES_EXHAUSTED`.
 */
export function termsOf(
  wishes: LinkWishes,
  delivery: 'latest' | 'every',
  connection: Connection<'client'>,
  welcome: Welcome,
  epoch: Epoch | undefined,
  place: ReadingPlace,
  fail: (error: SluiceError) => void,
): SessionTerms {
  const { channel, kind, options } = wishes;
  const { manifest: announced, controlBytes, sequence, ...gpu } = epoch ?? welcome;
  const copied = gpu.copied === 'host';
  const manifest = parseManifest(announced, `the manifest of ${channel}`, channel);
  checkFormat(channel, manifest, kind, options.format);
  checkGrant(manifest, welcome, options);
  if (manifest.memory !== 'host') checkDevice(manifest, place, copied, gpu);
  const { clockOffsetNs } = welcome;
  return {
    manifest,
    connection,
    controlBytes,
    leases: welcome.leases,
    maxLag: welcome.maxLag,
    delivery,
    share: options.share ?? { index: 0, count: 1 },
    sequence,
    clockOffsetNs: Math.abs(clockOffsetNs) > CLOCK_NAMESPACE_NS ? clockOffsetNs : 0,
    subscriber: welcome.subscriber,
    place,
    copied,
    dataBytes: gpu.dataBytes,
    mirroredFrom: gpu.mirroredFrom,
    fail,
  };
}

/** What a CUDA channel sends must be what this side asked for. */
function checkDevice(
  manifest: Manifest,
  { device, hostCopy }: ReadingPlace,
  copied: boolean,
  { dataBytes, mirroredFrom }: Pick<Welcome, 'dataBytes' | 'mirroredFrom'>,
): void {
  if (copied !== hostCopy) {
    throw protocolFailure(
      manifest,
      copied
        ? 'sent a copy that was not asked for'
        : 'sent no copy in host memory, as was asked for',
    );
  }
  if (copied) return;
  if (device === undefined)
    throw protocolFailure(manifest, 'sent GPU memory to a reader without GPU');
  if (dataBytes === undefined || mirroredFrom === undefined) {
    throw protocolFailure(manifest, 'sent GPU memory without its size or without fences');
  }
}

function checkFormat(
  channel: string,
  manifest: Manifest,
  kind: 'frame' | 'message',
  pattern: FormatPattern | undefined,
): void {
  const found = describeFormat(manifest.format);
  let problem: string | undefined;
  if (manifest.kind !== kind) {
    problem = `it is a ${manifest.kind} channel (${found}), asked for was a ${kind} channel`;
  } else if (pattern !== undefined) {
    problem = formatMismatch(manifest.format, pattern);
  }
  if (problem === undefined) return;
  throw new SluiceError('FORMAT_MISMATCH', `cannot subscribe to ${channel}: ${problem}`, {
    details: { channel, found: manifest.format, wanted: pattern },
  });
}

/** What was asked for by name must be granted; defaults take what there is. */
function checkGrant(
  manifest: Manifest,
  welcome: Welcome,
  options: SubscriberOptions<FormatPattern>,
): void {
  const { maxLag = 0 } = options;
  const isFrames = manifest.kind === 'frame';
  if (isFrames && welcome.leases === 0) {
    throw protocolFailure(manifest, 'granted no frame to hold');
  }
  const missingLag = Math.max(0, maxLag - welcome.maxLag);
  // With more slots the default is granted first: it counts when more slots are needed anyway.
  const maxHeld = options.maxHeld ?? (isFrames && missingLag > 0 ? DEFAULT_HELD : 0);
  const missing = Math.max(0, maxHeld - welcome.leases) + missingLag;
  if (missing === 0) return;
  throw new SluiceError(
    'LEASES_EXHAUSTED',
    `${manifest.channel} can grant maxHeld ${welcome.leases} and maxLag ${welcome.maxLag}, ` +
      `asked for was ${maxHeld === 0 ? 'any' : maxHeld} and ${maxLag === 0 ? 'any' : maxLag}`,
    {
      details: { leases: welcome.leases, maxLag: welcome.maxLag, missingSlots: missing },
      remedy: `Open the publisher with ${missing} more slots, or subscribe with a smaller maxHeld or maxLag.`,
    },
  );
}
