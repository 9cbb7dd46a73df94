/** How the data of a channel reaches a subscriber, from what that one counts. */
import type { Manifest } from '../bus/directory/manifest.js';
import type { SubscriberFacts } from './foreign-stats.js';

/**
 * message: copied out of the ring, by nature · unknown: it has read nothing yet · zero-copy: read where the publisher
 * wrote it · copy: some or all of it is copied, `how` says by what.
 */
export type SubscriberPath =
  | { readonly kind: 'message' | 'unknown' | 'zero-copy' }
  | { readonly kind: 'copy'; readonly how: string };

export function subscriberPath(
  { kind, memory }: Pick<Manifest, 'kind' | 'memory'>,
  { bytesInPlace, bytesCopied }: Pick<SubscriberFacts, 'bytesInPlace' | 'bytesCopied'>,
): SubscriberPath {
  if (kind === 'message') return { kind: 'message' };
  if (bytesCopied === 0) return { kind: bytesInPlace === 0 ? 'unknown' : 'zero-copy' };
  // toHost() copies what was handed out in place before; copyTo hands out nothing but copies.
  if (bytesInPlace > 0) return { kind: 'copy', how: 'by toHost()' };
  return {
    kind: 'copy',
    how: memory === 'host' ? 'to a GPU, by copyTo' : 'through host memory, by copyTo',
  };
}
