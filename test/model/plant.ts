/** Rules of the owner of the ring code, broken on purpose. */
export type Plant =
  | 'no look after the end of the socket'
  | 'wakes drained after the last look'
  | 'a discarded page wakes nobody'
  | 'a WAKE that nobody waits for is forgotten'
  | 'a unit lowers the doorbell'
  | 'a join leaves the doorbell as it is'
  | 'a reader rings nobody';
