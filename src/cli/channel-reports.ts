/**
 * What is known of the channels of a directory: their manifests, and what their publishers answer.
 * On the way of `sluice ls`: no foreign functions are loaded.
 */
import { SluiceError } from '../core/index.js';
import { ManifestScan, type ProblemListener } from '../bus/directory/manifest-scan.js';
import type { Manifest } from '../bus/directory/manifest.js';
import type { RuntimeDirectory } from '../bus/directory/runtime-directory.js';
import type { ChannelFacts } from './foreign-stats.js';

/**
 * live: it publishes · idle: it answers and published nothing for a second · silent: it is there
 * and does not answer, so it is stopped or its event loop is blocked · dead: its publisher ended
 * without tidying up · denied: not for this user · unknown: it answers what is not understood.
 */
export type ChannelState = 'live' | 'idle' | 'silent' | 'dead' | 'denied' | 'unknown';

export interface ChannelReport {
  readonly manifest: Manifest;
  readonly state: ChannelState;
  /** Undefined unless the publisher answered. */
  readonly facts: ChannelFacts | undefined;
  /** Why there are no facts. */
  readonly error: SluiceError | undefined;
}

const MAX_OBSERVED_AT_ONCE = 16;
const ANSWER_TIMEOUT_MS = 1000;

export function stateOfError(error: SluiceError): ChannelState {
  switch (error.code) {
    case 'CHANNEL_NOT_FOUND':
      return 'dead';
    case 'NO_ANSWER':
      return 'silent';
    case 'ACCESS_DENIED':
      return 'denied';
    default:
      return 'unknown';
  }
}

/** The channels that match, by name, at most 16 asked at once. `onProblem` hears of unreadable files. */
export async function reportChannels(
  directory: RuntimeDirectory,
  pattern: string,
  onProblem: ProblemListener = () => {},
): Promise<readonly ChannelReport[]> {
  const scan = new ManifestScan(directory, pattern, { onProblem });
  const manifests = [...scan.scan().values()];
  if (manifests.length === 0) return [];
  const reports = new Array<ChannelReport>(manifests.length);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < manifests.length; index = next++) {
      reports[index] = await reportChannel(directory, manifests[index] as Manifest);
    }
  };
  await Promise.all(Array.from({ length: MAX_OBSERVED_AT_ONCE }, work));
  return reports;
}

async function reportChannel(
  directory: RuntimeDirectory,
  manifest: Manifest,
): Promise<ChannelReport> {
  const [{ observeChannel }, { readStats }] = await Promise.all([
    import('../bus/transport/observer.js'),
    import('./foreign-stats.js'),
  ]);
  try {
    const path = directory.socketPath(manifest.channel);
    const { stats } = await observeChannel(path, { timeoutMs: ANSWER_TIMEOUT_MS, label: 'sluice' });
    const facts = readStats(stats);
    const state = facts.publisher.ratePerSecond > 0 ? 'live' : 'idle';
    return { manifest, state, facts, error: undefined };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return { manifest, state: stateOfError(error), facts: undefined, error };
  }
}
