const SPACE = 0x20;
const DELETE = 0x7f;

/** The end of the run of printable ASCII that begins at `start`: 0x20 to 0x7e, four at a time. */
export function endOfPrintable(view: DataView, start: number): number {
  const { byteLength } = view;
  let at = start;
  while (at + 4 <= byteLength) {
    const four = view.getInt32(at, true);
    // The upper bit of a byte that is below a space, above ASCII, or a delete.
    if (((four | (four - 0x2020_2020) | (four + 0x0101_0101)) & 0x8080_8080) !== 0) break;
    at += 4;
  }
  for (; at < byteLength; at += 1) {
    const byte = view.getUint8(at);
    if (byte < SPACE || byte >= DELETE) break;
  }
  return at;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
