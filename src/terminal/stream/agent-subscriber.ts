import {
  type Manifest,
  type MessageSubscriber,
  openSubscriber,
  type SubscriberOptions,
} from '../../bus/index.js';
import type { MessageFormat } from '../../format/index.js';
import { agentFormat } from './agent-format.js';

export type AgentSubscriberOptions = Omit<SubscriberOptions<MessageFormat>, 'format'>;

/** Subscribes to the channel of an agent. Undefined for one that carries no messages; rejects as `openSubscriber` does. */
export async function openAgentSubscriber(
  manifest: Manifest,
  options: AgentSubscriberOptions,
): Promise<MessageSubscriber<MessageFormat> | undefined> {
  const format = agentFormat(manifest);
  if (format === undefined) return undefined;
  // Its overloads are for a format that is known where they are called; this one is known when the channel is there.
  const open = openSubscriber as (channel: string, options: object) => Promise<unknown>;
  const subscriber = await open(manifest.channel, { ...options, format });
  return subscriber as MessageSubscriber<MessageFormat>;
}
