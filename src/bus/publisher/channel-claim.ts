/** Becoming the owner of a channel: the claim on its name, and how the owner calls itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../core/index.js';
import { currentBootId } from '../directory/boot-id.js';
import { tryClaim, type ChannelLock } from '../directory/channel-lock.js';
import type { Manifest } from '../directory/manifest.js';
import type { RuntimeDirectory } from '../directory/runtime-directory.js';
import type { PublisherOptions } from './options.js';

const STANDBY_POLL_MS = 50;

export interface StreamIdentity {
  readonly channel: string;
  readonly instance: string;
  readonly epoch: number;
  readonly process: Manifest['process'];
}

/** The lock of the channel. Throws `CHANNEL_IN_USE`, or waits for its owner's end when the options say so. */
export async function claimChannel(
  directory: RuntimeDirectory,
  channel: string,
  instance: string,
  options: PublisherOptions<unknown>,
): Promise<ChannelLock> {
  for (;;) {
    const lock = tryClaim(directory, channel, instance);
    if (lock !== undefined) return lock;
    if (options.whenTaken !== 'wait') {
      throw new SluiceError(
        'CHANNEL_IN_USE',
        `cannot publish ${channel}: another live process owns it`,
        {
          details: { channel, lock: directory.lockPath(channel) },
          remedy:
            `See who it is with \`sluice info ${channel}\`; end it, choose another name, ` +
            `or open with whenTaken: 'wait' to take over at its end.`,
        },
      );
    }
    // The kernel frees the lock at the owner's death and tells nobody: looking costs a microsecond.
    await sleep(STANDBY_POLL_MS, undefined, options.signal ? { signal: options.signal } : {}).catch(
      () => {
        options.signal?.throwIfAborted();
      },
    );
  }
}

/** How this process calls itself in manifests. */
export function describeProcess(label: string | undefined): Manifest['process'] {
  const program = (process.argv[1] ?? process.execPath).split('/').at(-1) ?? 'node';
  return {
    pid: process.pid,
    executable: process.execPath,
    label: (label ?? program).slice(0, 128),
    uid: process.geteuid?.() ?? 0,
    startedAt: new Date(Date.now() - process.uptime() * 1000).toISOString(),
    bootId: currentBootId(),
  };
}
