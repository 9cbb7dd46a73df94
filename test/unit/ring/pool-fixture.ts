/** A frame pool over plain or shared memory: control block, one page a reader, and a word of content a slot. */
import {
  controlByteLength,
  type ControlGeometry,
  type ControlViews,
  controlViews,
  poolGeometry,
  READER_PAGE_BYTES,
  writeGeometry,
} from '../../../src/layout/index.js';
import {
  type FrameRecord,
  PoolReader,
  type PoolReaderEntry,
  type PoolReaderOptions,
  PoolWriter,
  type PoolWriterOptions,
} from '../../../src/ring/index.js';

export const FRAME: FrameRecord = {
  flags: 0,
  byteLength: 64,
  ptsNs: 0,
  captureTimeNs: 0,
  publishTimeNs: 0,
  idLow: 0,
  idHigh: 0,
  dims: [],
  userData: undefined,
};

export interface Pool {
  readonly geometry: ControlGeometry;
  readonly control: ControlViews;
  readonly writer: PoolWriter;
}

export function makePool(slots: number, options: PoolWriterOptions = {}): Pool {
  const geometry = poolGeometry({ epoch: 1, instance: [1, 2, 3, 4] }, slots, 64);
  const control = controlViews(new ArrayBuffer(controlByteLength(geometry)));
  writeGeometry(control.words, geometry);
  return { geometry, control, writer: new PoolWriter(control, geometry, options) };
}

export interface JoinedPool {
  readonly reader: PoolReader;
  readonly entry: PoolReaderEntry;
  readonly page: Int32Array;
}

export function joinPool(pool: Pool, options: Partial<PoolReaderOptions> = {}): JoinedPool {
  const page = new Int32Array(READER_PAGE_BYTES / 4);
  const all: PoolReaderOptions = {
    delivery: 'latest',
    maxLag: 0,
    leases: 1,
    lastSequence: pool.writer.published,
    share: { index: 0, count: 1 },
    ...options,
  };
  const { leases, maxLag, lastSequence } = all;
  const entry = pool.writer.addReader({ page, leases, maxLag }, lastSequence);
  return { page, entry, reader: new PoolReader(pool.control.words, page, pool.geometry, all) };
}
