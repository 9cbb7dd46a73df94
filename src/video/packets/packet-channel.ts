/** Where the packets and the sound of a camera are: beside its pictures. */
const PACKETS = '/packets';
const SOUND = '/audio';

/** `camera/door` and `camera/door/packets` both mean the latter. */
export function packetChannelOf(channel: string): string {
  return channel.endsWith(PACKETS) ? channel : `${channel}${PACKETS}`;
}

/** The channel whose packets these are: `camera/door` of `camera/door/packets`. */
export function channelOfPackets(channel: string): string {
  return packetChannelOf(channel).slice(0, -PACKETS.length);
}

/** `camera/door` and `camera/door/packets` both have `camera/door/audio`. */
export function soundChannelOf(channel: string): string {
  return channelOfPackets(channel) + SOUND;
}
