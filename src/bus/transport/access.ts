import type { PeerCredentials } from '../../ffi/index.js';
import { isOwnUid } from '../directory/trusted-owner.js';

/** Users and groups that may connect beside the own user. */
export interface AllowedPeers {
  readonly uids?: readonly number[];
  readonly gids?: readonly number[];
  /**
   * Of these and the own user, who may have the memory of a GPU: who can read that can write it. Others who are
   * allowed read a copy in host memory (`copyTo: 'host'`).
   */
  readonly gpuUids?: readonly number[];
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

/** Whether a peer that may connect may also have descriptors of GPU memory, which give it more than reading. */
export function mayReadGpuMemory({ uid }: PeerCredentials, allowed: AllowedPeers = {}): boolean {
  return isOwnUid(uid) || (allowed.gpuUids ?? []).includes(uid);
}
