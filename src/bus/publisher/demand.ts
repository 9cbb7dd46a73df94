/** Who reads a channel, as its publisher may act on it: a camera that nobody watches need not be decoded. */
import type { ChannelOwner, PublishedStream } from './channel-owner.js';

/** Who reads a channel at one moment; see `demand()` of a publisher. */
export interface Demand {
  /** Connected subscribers; observers, which read statistics only, do not count. */
  readonly subscribers: number;
  /** There are subscribers and all of them asked for key frames only. */
  readonly keyFramesOnly: boolean;
}

/** The present demand, then each change; two changes between two turns become one. Ends with the publisher. */
export async function* demandOf<S extends PublishedStream>(
  owner: ChannelOwner<S>,
  signal?: AbortSignal,
): AsyncGenerator<Demand, void, undefined> {
  let last: Demand | undefined;
  while (owner.end === undefined && signal?.aborted !== true) {
    const sessions = [...owner.members.keys()];
    const demand = Object.freeze({
      subscribers: sessions.length,
      keyFramesOnly:
        sessions.length > 0 && sessions.every(({ hello }) => hello.keyFramesOnly === true),
    });
    const changed =
      last?.subscribers !== demand.subscribers || last.keyFramesOnly !== demand.keyFramesOnly;
    last = demand;
    if (changed) yield demand;
    else await owner.demandChanged.wait(signal).catch(() => undefined);
  }
}
