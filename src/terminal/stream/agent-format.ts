import type { Manifest } from '../../bus/index.js';
import { bytes, json, type MessageFormat, text } from '../../format/index.js';

/** How a channel is read as an agent's; undefined for one that carries no messages. */
export function agentFormat({ kind, format }: Manifest): MessageFormat | undefined {
  if (kind !== 'message') return undefined;
  if (format.kind === 'text') return text();
  if (format.kind === 'json') return json();
  return format.kind === 'bytes' ? bytes(format.mediaType) : undefined;
}
