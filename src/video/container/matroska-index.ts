/**
 * The index of a Matroska file that was written without going back, as into a pipe: noted while its bytes pass, and put
 * in place when they are all there. Without it players find a time by reading all that lies before.
 *
 * ```text
 * as written   EBML | Segment, of unknown size: SeekHead | Void | Info            | Tracks | … | Cluster …
 * complete     EBML | Segment, its size:        SeekHead + Cues | Void | Info + Duration | Tracks | … | Cluster … | Cues
 *                                               └──────── the same number of bytes ──────┘
 * ```
 *
 * An element is an id, a size and content (RFC 8794, 4); positions count from the first byte in the Segment (RFC 9559,
 * 16). The first track is that of the pictures.
 */
import {
  element,
  float,
  type Header,
  readHeader,
  sizeIn8,
  unsigned,
  UNKNOWN_SIZE,
  voidOf,
} from './ebml.js';

const ID = Object.freeze({
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  duration: 0x4489,
  tags: 0x1254c367,
  tracks: 0x1654ae6b,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cueClusterPosition: 0xf1,
  crc: 0xbf,
  void: 0xec,
});
/** Where clusters begin at the latest, in a file of ours. */
const MAX_HEAD_BYTES = 1 << 20;
/** Beyond it every second key frame is left out: of a group of pictures a second, a day. */
const MAX_CUES = 1 << 17;
/** The header of an element, and what is looked at of a block: its track, time and flags. */
const LOOK_BYTES = 12 + 4;
const PICTURES = 1;
const KEY_FLAG = 0x80;

interface Cue {
  readonly time: number;
  readonly clusterAt: number;
}

/** What is still to be written to the file. */
export interface MatroskaEnd {
  /** Behind all that is there. */
  readonly tail: Uint8Array;
  /** Over what is there, once the tail is. */
  readonly patches: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

export class MatroskaIndex {
  /** Up to the first cluster. */
  #head = Buffer.alloc(0);
  #pending = Buffer.alloc(0);
  #position = 0;
  #skip = 0;
  #inClusters = false;
  #isForeign = false;
  #clusterAt = 0;
  #clusterTime = 0;
  #cues: Cue[] = [];
  #lastTime = 0;
  /** Of the picture before, and how long one is seen: the least that two were apart, in the order of decoding. */
  #pictureTime = 0;
  #pictureTicks = Infinity;

  /** The next bytes of the file. */
  add(bytes: Uint8Array): void {
    if (this.#isForeign) return;
    const passed = Math.min(this.#skip, bytes.length);
    this.#skip -= passed;
    this.#position += passed;
    this.#pending = Buffer.concat([this.#pending, bytes.subarray(passed)]);
    if (!this.#inClusters) this.#lookForClusters();
    while (this.#inClusters && this.#skip === 0 && this.#pending.length >= LOOK_BYTES) {
      this.#takeElement();
    }
  }

  /** When all bytes were added. Undefined for a file that is not as it should be: it stays as it is. */
  end(): MatroskaEnd | undefined {
    if (!this.#inClusters || this.#isForeign || this.#skip > 0) return undefined;
    // What is left is shorter than any block.
    const fileEnd = this.#position + this.#pending.length;
    const last = this.#pictureTicks === Infinity ? 0 : this.#pictureTicks;
    return completed(this.#head, fileEnd, this.#cues, this.#lastTime + last);
  }

  #lookForClusters(): void {
    const at = clustersAt(this.#pending);
    if (at === undefined) {
      this.#isForeign = this.#pending.length > MAX_HEAD_BYTES;
      return;
    }
    this.#head = Buffer.from(this.#pending.subarray(0, at));
    this.#inClusters = true;
    this.#consume(at);
  }

  #takeElement(): void {
    const header = readHeader(this.#pending, 0);
    if (header === undefined) {
      this.#isForeign = true;
      this.#inClusters = false;
      return;
    }
    const { id, contentAt, size } = header;
    if (id === ID.cluster) {
      this.#clusterAt = this.#position;
      this.#consume(contentAt);
      return;
    }
    if (id === ID.timestamp)
      this.#clusterTime = this.#pending.readUIntBE(contentAt, Math.min(size, 6));
    if (id === ID.simpleBlock) this.#takeBlock(contentAt);
    this.#consume(contentAt + size);
  }

  /** Track numbers below 127 have one byte. */
  #takeBlock(at: number): void {
    const track = this.#pending.readUInt8(at) & 0x7f;
    const time = this.#clusterTime + this.#pending.readInt16BE(at + 1);
    const isKey = (this.#pending.readUInt8(at + 3) & KEY_FLAG) !== 0;
    this.#lastTime = Math.max(this.#lastTime, time);
    if (track !== PICTURES) return;
    const apart = Math.abs(time - this.#pictureTime);
    if (apart > 0) this.#pictureTicks = Math.min(this.#pictureTicks, apart);
    this.#pictureTime = time;
    if (!isKey) return;
    this.#cues.push({ time, clusterAt: this.#clusterAt });
    if (this.#cues.length > MAX_CUES) this.#cues = this.#cues.filter((_, index) => index % 2 === 0);
  }

  #consume(length: number): void {
    const here = Math.min(length, this.#pending.length);
    this.#pending = this.#pending.subarray(here);
    this.#position += here;
    this.#skip = length - here;
  }
}

/** Where the first cluster begins; undefined while it has not come. */
function clustersAt(bytes: Buffer): number | undefined {
  let at = 0;
  for (;;) {
    const header = readHeader(bytes, at);
    if (header === undefined) return undefined;
    if (header.id === ID.cluster) return at;
    at = header.id === ID.segment ? header.contentAt : header.contentAt + header.size;
  }
}

function completed(
  head: Buffer,
  fileEnd: number,
  cues: readonly Cue[],
  duration: number,
): MatroskaEnd | undefined {
  const segment = childrenOf(head, 0, head.length).find(({ id }) => id === ID.segment);
  if (segment?.size !== UNKNOWN_SIZE || segment.contentAt - segment.at !== 12) return undefined;
  const start = segment.contentAt;
  const parts = childrenOf(head, start, head.length);
  const [seekHead, info] = [ID.seekHead, ID.info].map((id) => parts.find((part) => part.id === id));
  if (seekHead === undefined || info === undefined || info.at < seekHead.at) return undefined;
  const tail = cuesElement(cues, start);
  const lasting = element(ID.info, contentWithout(head, info), float(ID.duration, duration));
  const infoEnd = info.contentAt + info.size;
  const places = parts
    .filter(({ id }) => id === ID.tracks || id === ID.tags)
    .map(({ id, at }) => seek(id, at - start));
  const others = [seek(ID.info, infoEnd - lasting.length - start), seek(ID.cues, fileEnd - start)];
  const found = element(ID.seekHead, ...places, ...others);
  const gap = infoEnd - seekHead.at - found.length - lasting.length;
  if (gap < 2) return undefined;
  const sizeAt = segment.at + 4;
  return {
    tail,
    patches: [
      { at: seekHead.at, bytes: Buffer.concat([found, voidOf(gap), lasting]) },
      // In the eight bytes that the unknown one had.
      { at: sizeAt, bytes: sizeIn8(fileEnd + tail.length - start) },
    ],
  };
}

function cuesElement(cues: readonly Cue[], start: number): Buffer {
  const points = cues.map(({ time, clusterAt }) => {
    const place = [
      unsigned(ID.cueTrack, PICTURES),
      unsigned(ID.cueClusterPosition, clusterAt - start),
    ];
    return element(
      ID.cuePoint,
      unsigned(ID.cueTime, time),
      element(ID.cueTrackPositions, ...place),
    );
  });
  return element(ID.cues, ...points);
}

function seek(id: number, position: number): Buffer {
  return element(ID.seek, unsigned(ID.seekId, id), unsigned(ID.seekPosition, position));
}

interface Part extends Header {
  readonly at: number;
}

/** The elements between two places, as far as they are whole; one of unknown size goes to the end. */
function childrenOf(bytes: Buffer, from: number, to: number): readonly Part[] {
  const parts: Part[] = [];
  for (let at = from; at < to;) {
    const header = readHeader(bytes, at);
    if (header === undefined) break;
    parts.push({ ...header, at });
    at = header.contentAt + header.size;
  }
  return parts;
}

/** What is in an element but for its checksum, which would have to be made anew, and a duration. */
function contentWithout(bytes: Buffer, { contentAt, size }: Part): Buffer {
  const kept = childrenOf(bytes, contentAt, contentAt + size).filter(
    ({ id }) => id !== ID.crc && id !== ID.duration && id !== ID.void,
  );
  return Buffer.concat(kept.map((part) => bytes.subarray(part.at, part.contentAt + part.size)));
}
