/** Which way the frames of each channel go, in place or copied, and who could read a channel of a GPU from here. */
import { printable } from '../../core/index.js';
import type { Manifest } from '../../bus/directory/manifest.js';
import type { ChannelReport } from '../channel-reports.js';
import type { SubscriberFacts } from '../foreign-stats.js';
import { subscriberPath } from '../subscriber-path.js';
import { formatBytes } from '../units.js';
import { type Check, ok } from './check.js';
import type { GpuFacts } from './gpu-facts.js';

/** A subscriber's path as `--json` shows it. */
export interface PathFacts {
  readonly channel: string;
  readonly memory: string;
  readonly subscriber: number;
  readonly label: string;
  readonly path: 'zero-copy' | 'copy' | 'message' | 'unknown';
  readonly how?: string;
  readonly bytesInPlace: number;
  readonly bytesCopied: number;
}

export function pathFacts(reports: readonly ChannelReport[]): readonly PathFacts[] {
  return reports.flatMap(({ manifest, facts }) =>
    (facts?.subscribers ?? []).map((subscriber): PathFacts => {
      const path = subscriberPath(manifest, subscriber);
      return {
        channel: manifest.channel,
        memory: manifest.memory,
        subscriber: subscriber.id,
        label: subscriber.label,
        path: path.kind,
        ...(path.kind === 'copy' ? { how: path.how } : {}),
        bytesInPlace: subscriber.bytesInPlace,
        bytesCopied: subscriber.bytesCopied,
      };
    }),
  );
}

/** The path of one subscriber; none for messages, and for one that has read nothing. */
export function checkPath(manifest: Manifest, subscriber: SubscriberFacts): readonly Check[] {
  const { channel } = manifest;
  const who = `${channel} -> ${subscriber.label || `#${subscriber.id}`}`;
  const path = subscriberPath(manifest, subscriber);
  const inPlace = formatBytes(subscriber.bytesInPlace);
  if (path.kind === 'zero-copy') {
    return [ok(channel, `${who}   zero-copy, ${inPlace} read in place`)];
  }
  if (path.kind !== 'copy') return [];
  const rest = subscriber.bytesInPlace === 0 ? '' : `, read ${inPlace} in place`;
  const text = `${who}   copied ${formatBytes(subscriber.bytesCopied)} ${path.how}${rest}`;
  return [{ level: 'COPY', topic: channel, text }];
}

/**
 * What the GPUs that this process sees can do with channels in the memory of one. Nothing where they could not be
 * looked at: that was said before.
 */
export function reachChecks(reports: readonly ChannelReport[], gpu: GpuFacts): readonly Check[] {
  if (gpu.stopped !== undefined) return [];
  return reports.flatMap(({ manifest, facts }) =>
    facts === undefined || manifest.memory === 'host' ? [] : checkReach(manifest, gpu),
  );
}

function checkReach(
  { channel, memory, device }: Manifest,
  { devices, peers, problem }: GpuFacts,
): readonly Check[] {
  const where = `${channel} is on ${memory}, ${printable(device?.name ?? '', 128)} ${device?.uuid ?? ''}`;
  const copy = (text: string, remedy: string, code: string): Check => {
    return { level: 'COPY', topic: channel, text, remedy, code };
  };
  if (problem !== undefined) {
    const text = `${where}; without CUDA a subscriber here must copy`;
    return [copy(text, "Subscribe with copyTo: 'host'.", 'CUDA_UNAVAILABLE')];
  }
  const owner = devices.find(({ uuid }) => uuid === device?.uuid);
  if (owner === undefined) {
    const seen = devices.map(({ index, uuid }) => `cuda:${index} ${uuid}`).join(', ');
    return [
      copy(
        `${where}; a subscriber here sees only ${seen} and must copy`,
        "Check CUDA_VISIBLE_DEVICES, or subscribe with copyTo: 'host'.",
        'WRONG_DEVICE',
      ),
    ];
  }
  const own = `cuda:${owner.index}`;
  const near = peers.filter((peer) => peer.owner === owner.index && peer.access);
  const readers = [own, ...near.map(({ reader }) => `cuda:${reader}`)].join(', ');
  const alias = own === memory ? '' : `, here ${own}`;
  return [
    ok(channel, `${where}${alias}; read in place by ${readers}`),
    ...peers
      .filter((peer) => peer.owner === owner.index && !peer.access)
      .map(({ reader }) =>
        copy(
          `${channel} -> cuda:${reader}   no peer access to ${own}: a subscriber there must copy`,
          `Read on ${own}, or subscribe with copyTo: 'cuda:${reader}' or copyTo: 'host'.`,
          'WRONG_DEVICE',
        ),
      ),
  ];
}
