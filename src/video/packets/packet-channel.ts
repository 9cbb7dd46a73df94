/** Where the packets of a camera are: beside its pictures. */
const SUFFIX = '/packets';

/** `camera/door` and `camera/door/packets` both mean the latter. */
export function packetChannelOf(channel: string): string {
  return channel.endsWith(SUFFIX) ? channel : `${channel}${SUFFIX}`;
}
