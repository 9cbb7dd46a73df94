/** Channels as the command line sees them, made up for tests. */
import type { Manifest } from '../../../src/bus/directory/manifest.js';
import { json, video } from '../../../src/format/index.js';
import type { ChannelReport } from '../../../src/cli/channel-reports.js';
import { readStats, type SubscriberFacts } from '../../../src/cli/foreign-stats.js';
import { sampleOf, type ChannelSample } from '../../../src/cli/top/channel-sampler.js';

export function manifestOf(channel: string, kind: Manifest['kind'] = 'frame'): Manifest {
  return {
    protocol: 1,
    channel,
    kind,
    instance: '0'.repeat(32),
    epoch: 1,
    format: kind === 'frame' ? video({ width: 3840, height: 2160, pixelFormat: 'nv12' }) : json(),
    memory: 'host',
    layout: kind === 'frame' ? 'pool' : 'bytes',
    slots: kind === 'frame' ? 8 : 16_384,
    slotBytes: kind === 'frame' ? 12_500_000 : 64,
    process: {
      pid: 4121,
      executable: '/usr/bin/node',
      label: 'camera.mjs',
      uid: 1000,
      startedAt: '2026-01-01T00:00:00.000Z',
      bootId: 'boot',
    },
    createdNs: 1,
    userData: {},
  };
}

export interface SubscriberNumbers extends Partial<Omit<SubscriberFacts, 'latencyUs'>> {
  readonly p99?: number;
}

/** An answer as it comes over the socket, read as any answer is. */
export function factsOf(
  publisher: Readonly<Record<string, number>>,
  subscribers: readonly SubscriberNumbers[] = [],
): ReturnType<typeof readStats> {
  return readStats({
    publisher: { ratePerSecond: 25, subscribers: subscribers.length, ...publisher },
    subscribers: subscribers.map(({ p99 = 31, ...numbers }, id) => ({
      id,
      label: `reader-${id}`,
      pid: 5000 + id,
      uid: 1000,
      delivery: 'latest',
      leases: 2,
      latencyUs: { p50: 14, p99, max: p99 },
      ...numbers,
    })),
  });
}

export function reportOf(
  manifest: Manifest,
  facts: ReturnType<typeof readStats>,
): ChannelReport & { readonly facts: ReturnType<typeof readStats> } {
  return { manifest, state: 'live', facts, error: undefined };
}

/** A sample over one second in which every counter went from 0 to what `facts` says. */
export function sampleSinceNothing(
  manifest: Manifest,
  publisher: Readonly<Record<string, number>>,
  subscribers: readonly SubscriberNumbers[] = [],
): ChannelSample {
  const zero = subscribers.map(({ label }) => (label === undefined ? {} : { label }));
  const before = { timeMs: 1000, facts: factsOf({}, zero) };
  const answer = { timeMs: 2000, facts: factsOf(publisher, subscribers) };
  return sampleOf(manifest, answer, before);
}
