/** Computes and checks the geometry of control blocks: pure arithmetic, shared by both ends. */
import { alignUp, isPowerOfTwo, joinUnsigned, nextPowerOfTwo } from '../core/index.js';
import {
  CONTROL_MAGIC,
  controlByteLength,
  type ControlGeometry,
  ControlKind,
  Header,
  HEADER_BYTES,
  PROTOCOL_VERSION,
} from './control-block.js';
import { POOL_RECORD_BYTES } from './slot-record.js';
import { RING_SLOT_BYTES } from './message-slot.js';
import { RING_UNIT_BYTES } from './message-record.js';

/** Most slots of a pool: as many fence mirrors fit into a reader page. */
export const MAX_POOL_SLOTS = 384;
export const MAX_RING_SLOTS = 2 ** 22;
export const MIN_RING_SLOTS = 8;

/** An instance id as manifests write it, 32 hexadecimal digits, as the words of a control block. */
export function instanceWords(instance: string): readonly [number, number, number, number] {
  const word = (i: number): number => Number.parseInt(instance.slice(i * 8, i * 8 + 8), 16);
  return [word(0), word(1), word(2), word(3)];
}

type Identity = Pick<ControlGeometry, 'epoch' | 'instance'>;

export function poolGeometry(
  identity: Identity,
  slots: number,
  slotBytes: number,
): ControlGeometry {
  const indexSize = nextPowerOfTwo(slots);
  return {
    ...identity,
    kind: ControlKind.pool,
    slots,
    recordBytes: POOL_RECORD_BYTES,
    indexSize,
    writeAhead: 0,
    slotBytes,
    indexOffset: HEADER_BYTES,
    recordsOffset: alignUp(HEADER_BYTES + indexSize * 4, 64),
  };
}

/** A ring of 256-byte slots. One publish may use a quarter of it: that much stays out of slow readers' reach. */
export function slotsRingGeometry(identity: Identity, slots: number): ControlGeometry {
  return ringGeometry(identity, ControlKind.slots, slots, RING_SLOT_BYTES, Math.max(1, slots / 4));
}

/**
 * A ring of 64-byte units that holds contiguous records. One publish may use half of it, padding at the wrap
 * included, so that a record of a quarter always fits.
 */
export function bytesRingGeometry(identity: Identity, units: number): ControlGeometry {
  return ringGeometry(identity, ControlKind.bytes, units, RING_UNIT_BYTES, units / 2);
}

function ringGeometry(
  identity: Identity,
  kind: ControlKind,
  slots: number,
  recordBytes: number,
  writeAhead: number,
): ControlGeometry {
  return {
    ...identity,
    kind,
    slots,
    recordBytes,
    indexSize: 0,
    writeAhead,
    slotBytes: 0,
    indexOffset: HEADER_BYTES,
    recordsOffset: HEADER_BYTES,
  };
}

/**
 * Reads the geometry of a foreign control block of `byteLength` bytes.
 * Returns the reason as a string when anything in it is out of bounds: no other word of such a block may be used.
 */
export function readGeometry(words: Int32Array, byteLength: number): ControlGeometry | string {
  const word = (index: number): number => (words[index] ?? 0) >>> 0;
  if (byteLength < 4096) return `a control block of ${byteLength} bytes; needed at least 4096`;
  if (word(Header.magic) !== CONTROL_MAGIC) return 'the control block has no Sluice mark';
  if (word(Header.version) !== PROTOCOL_VERSION) {
    return `the control block has protocol ${word(Header.version)}; needed ${PROTOCOL_VERSION}`;
  }
  const kind = word(Header.kind);
  if (kind !== ControlKind.pool && kind !== ControlKind.slots && kind !== ControlKind.bytes) {
    return `the control block is of kind ${kind}, which is unknown`;
  }
  const geometry: ControlGeometry = {
    kind,
    epoch: word(Header.epoch),
    instance: [
      word(Header.instance),
      word(Header.instance + 1),
      word(Header.instance + 2),
      word(Header.instance + 3),
    ],
    slots: word(Header.slots),
    recordBytes: word(Header.recordBytes),
    indexSize: word(Header.indexSize),
    writeAhead: word(Header.writeAhead),
    slotBytes: joinUnsigned(word(Header.slotBytesLow), word(Header.slotBytesHigh)),
    recordsOffset: word(Header.recordsOffset),
    indexOffset: word(Header.indexOffset),
  };
  return geometryProblem(geometry, byteLength) ?? geometry;
}

function geometryProblem(g: ControlGeometry, byteLength: number): string | undefined {
  const expected =
    g.kind === ControlKind.pool
      ? poolGeometry(g, Math.min(g.slots, MAX_POOL_SLOTS), g.slotBytes)
      : ringGeometry(
          g,
          g.kind,
          g.slots,
          g.kind === ControlKind.slots ? RING_SLOT_BYTES : RING_UNIT_BYTES,
          g.writeAhead,
        );
  if (g.kind === ControlKind.pool) {
    if (g.slots < 2 || g.slots > MAX_POOL_SLOTS) return `a pool of ${g.slots} slots`;
    if (g.slotBytes < 64 || g.slotBytes % 64 !== 0 || g.slotBytes >= 2 ** 32) {
      return `slots of ${g.slotBytes} bytes`;
    }
    if (g.writeAhead !== 0) return `a pool with a write-ahead of ${g.writeAhead}`;
  } else {
    if (!isPowerOfTwo(g.slots) || g.slots < MIN_RING_SLOTS || g.slots > MAX_RING_SLOTS) {
      return `a ring of ${g.slots} slots`;
    }
    if (g.writeAhead < 1 || g.writeAhead > g.slots / 2) return `a write-ahead of ${g.writeAhead}`;
    if (g.slotBytes !== 0) return `a ring with slots of ${g.slotBytes} bytes elsewhere`;
  }
  for (const key of ['recordBytes', 'indexSize', 'recordsOffset', 'indexOffset'] as const) {
    if (g[key] !== expected[key]) return `${key} ${g[key]}; needed ${expected[key]}`;
  }
  const needed = controlByteLength(g);
  return needed === byteLength ? undefined : `${byteLength} bytes; its geometry needs ${needed}`;
}
