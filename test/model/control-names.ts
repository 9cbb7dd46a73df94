/** Regions of the modelled memory with the names that traces show. */
import { Header, MAX_LEASES, MessageSlot, Page, Slot } from '../../src/layout/index.js';
import type { ControlGeometry, ControlViews } from '../../src/layout/index.js';
import { controlByteLength, ControlKind } from '../../src/layout/index.js';
import type { Region, SharedMemory } from './shared-memory.js';
import { declareAtom } from './snapshot.js';

function keyOf(table: Readonly<Record<string, number>>, index: number): string {
  return Object.keys(table).find((key) => table[key] === index) ?? `+${index}`;
}

function nameOfControlWord(geometry: ControlGeometry, index: number): string {
  const base = geometry.recordsOffset / 4;
  if (index < geometry.indexOffset / 4) return keyOf(Header, index);
  if (index < base) return `index[${index - geometry.indexOffset / 4}]`;
  const words = geometry.recordBytes / 4;
  const unit = Math.floor((index - base) / words);
  const at = (index - base) % words;
  if (geometry.kind === ControlKind.pool) return `slot ${unit} ${keyOf(Slot, at)}`;
  const header = keyOf(MessageSlot, at);
  return `${geometry.kind === ControlKind.slots ? 'slot' : 'unit'} ${unit} ${header}`;
}

export interface ControlRegion {
  readonly region: Region;
  readonly views: ControlViews;
}

export function controlRegion(memory: SharedMemory, geometry: ControlGeometry): ControlRegion {
  const words = controlByteLength(geometry) / 4;
  const region = memory.region(words, (index) => nameOfControlWord(geometry, index));
  const doubles = memory.region(words / 2, (index) => `double ${index}`);
  const views = {
    words: memory.int32(region),
    doubles: memory.doubles(doubles),
    bytes: memory.bytes(region),
  };
  return { region, views: declareAtom(views) };
}

export function pageRegion(memory: SharedMemory, reader: number, words = 128): Region {
  return memory.region(words, (index) => {
    const mirror = index - Page.mirror;
    if (mirror >= 0) {
      return `reader ${reader} mirror ${mirror >> 1}${mirror % 2 === 0 ? '' : ' high'}`;
    }
    const isLease = index >= Page.lease && index < Page.lease + MAX_LEASES;
    return `reader ${reader} ${isLease ? `lease ${index - Page.lease}` : keyOf(Page, index)}`;
  });
}
