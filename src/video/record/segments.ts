/** The files of a recording in segments: how they are called, and which of them have to go. */
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

/** `door.mp4` → `door-2026-05-17T08-30-00-000Z.mp4`: names sort by time, and no two are alike. */
export function segmentPath(file: string, at: Date): string {
  const { folder, stem, extension } = partsOf(file);
  const time = at.toISOString().replaceAll(':', '-').replace('.', '-');
  return join(folder, `${stem}-${time}${extension}`);
}

export interface SegmentLimits {
  readonly keepSeconds: number | undefined;
  readonly maxBytes: number | undefined;
}

/**
 * Deletes the oldest segments until both limits hold, and never the newest, which is being written. Only files that are
 * called as segments of this recording are looked at. Returns those that were deleted.
 */
export function deleteOldSegments(
  file: string,
  { keepSeconds = Infinity, maxBytes = Infinity }: SegmentLimits,
  now: Date,
): readonly string[] {
  const segments = segmentsOf(file);
  let total = segments.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const deleted: string[] = [];
  for (const { path, byteLength, startedMs } of segments.slice(0, -1)) {
    const isOld = startedMs < now.getTime() - keepSeconds * 1000;
    if (!isOld && total <= maxBytes) break;
    unlinkSync(path);
    total -= byteLength;
    deleted.push(path);
  }
  return deleted;
}

interface Segment {
  readonly path: string;
  readonly byteLength: number;
  readonly startedMs: number;
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d)-(\d{3})Z$/;

/** In the order of time. */
function segmentsOf(file: string): readonly Segment[] {
  const { folder, stem, extension } = partsOf(file);
  const segments: Segment[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!name.startsWith(`${stem}-`) || !name.endsWith(extension)) continue;
    const time = name.slice(stem.length + 1, name.length - extension.length);
    const [, hour, minute, second, millisecond] = TIME.exec(time) ?? [];
    if (hour === undefined) continue;
    const startedMs = Date.parse(`${hour}:${minute}:${second}.${millisecond}Z`);
    const path = join(folder, name);
    segments.push({ path, byteLength: statSync(path).size, startedMs });
  }
  return segments;
}

function partsOf(file: string): { folder: string; stem: string; extension: string } {
  const extension = extname(file);
  return { folder: dirname(file), stem: basename(file, extension), extension };
}
