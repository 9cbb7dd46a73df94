import type { PeerCredentials } from '../../ffi/index.js';
import { isOwnUid } from '../directory/trusted-owner.js';

/** Users and groups that may connect beside the own user. */
export interface AllowedPeers {
  readonly uids?: readonly number[];
  readonly gids?: readonly number[];
}

/**
 * Whether a peer may connect: the own uid, or one allowed by number. The overflow id 65534, as which every unmapped
 * user of another namespace reads, equals nobody unless it is listed.
 */
export function mayConnect(credentials: PeerCredentials, allowed: AllowedPeers = {}): boolean {
  return (
    isOwnUid(credentials.uid) ||
    (allowed.uids ?? []).includes(credentials.uid) ||
    (allowed.gids ?? []).includes(credentials.gid)
  );
}
