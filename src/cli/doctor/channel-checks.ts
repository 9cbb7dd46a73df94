/** What `sluice doctor` finds out about the channels of the directory. Pure: reports in, findings out. */
import { printable } from '../../core/index.js';
import type { Debris } from '../../bus/directory/debris.js';
import type { ChannelReport } from '../channel-reports.js';
import type { SubscriberFacts } from '../foreign-stats.js';
import { formatCount, plural } from '../units.js';
import { type Check, ok } from './check.js';
import { checkPath } from './path-checks.js';

export function channelChecks(reports: readonly ChannelReport[]): readonly Check[] {
  return reports.flatMap((report) => checkChannel(report));
}

function checkChannel(report: ChannelReport): readonly Check[] {
  const { manifest, state, facts, error } = report;
  const { channel } = manifest;
  if (facts === undefined) {
    // The files of a dead publisher are counted as debris.
    if (state === 'dead' || error === undefined) return [];
    const pid = manifest.process.pid;
    const remedy = state === 'silent' && pid > 0 ? `kill -CONT ${pid}` : error.remedy;
    return [
      {
        level: 'FAIL',
        topic: channel,
        text: `${channel}: ${error.message}`,
        remedy,
        code: error.code,
      },
    ];
  }
  const checks: Check[] = [
    ok(channel, `${channel} ${plural(facts.publisher.subscribers, 'subscriber')}`),
  ];
  const { dropped } = facts.publisher;
  if (dropped > 0) {
    checks.push({
      level: 'warn',
      topic: channel,
      text: `${channel}: ${formatCount(dropped)} dropped for want of ${manifest.kind === 'frame' ? 'a slot' : 'room'}`,
      remedy: dropRemedy(report),
    });
  }
  for (const subscriber of facts.subscribers) checks.push(...checkSubscriber(report, subscriber));
  return checks;
}

function dropRemedy({ manifest, facts }: ChannelReport): string {
  if (manifest.kind === 'message')
    return 'Open the publisher with a larger ring, or whenFull: wait.';
  const leases = facts?.subscribers.reduce((sum, entry) => sum + entry.leases, 0) ?? 0;
  const lag = Math.max(1, ...(facts?.subscribers.map(({ maxLag }) => maxLag) ?? []));
  return `Open the publisher with more than ${Math.max(manifest.slots, leases + lag + 1)} slots.`;
}

function checkSubscriber(
  { manifest }: ChannelReport,
  subscriber: SubscriberFacts,
): readonly Check[] {
  const { channel } = manifest;
  const who = `${channel} -> ${subscriber.label || `#${subscriber.id}`}`;
  const checks: Check[] = [...checkPath(manifest, subscriber)];
  if (subscriber.lost > 0) {
    checks.push({
      level: 'warn',
      topic: channel,
      text: `${who}   lost ${formatCount(subscriber.lost)} that it wanted`,
      remedy:
        manifest.kind === 'frame'
          ? `Let it read faster, or give it a larger maxLag than ${subscriber.maxLag}.`
          : 'Let it read faster, or open the publisher with a larger ring.',
    });
  }
  return checks;
}

/** `Debris: 1 dead channel (sluice doctor --clean)`. */
export function debrisText(debris: readonly Debris[]): string {
  if (debris.length === 0) return 'No debris.';
  const names = debris.slice(0, 4).map(({ channel }) => printable(channel));
  const more = debris.length > names.length ? ', ...' : '';
  return `Debris: ${plural(debris.length, 'dead channel')}, ${names.join(', ')}${more} (sluice doctor --clean)`;
}
