/** The files of a recording in segments: how they are called, and which of them have to go. */
import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { printable, SluiceError } from '../../core/index.js';

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
 * Deletes the oldest segments until both limits hold, and never those that are `open`, whatever the clock said when
 * they were named. Only files that are called as segments of this recording are looked at. Returns those that were
 * deleted. Throws `SYSTEM` when that is not allowed.
 */
export function deleteOldSegments(
  file: string,
  { keepSeconds = Infinity, maxBytes = Infinity }: SegmentLimits,
  now: Date,
  open: readonly string[],
): readonly string[] {
  if (keepSeconds === Infinity && maxBytes === Infinity) return [];
  const deleted: string[] = [];
  try {
    const segments = segmentsOf(file);
    let total = segments.reduce((sum, { byteLength }) => sum + byteLength, 0);
    for (const { path, byteLength, startedMs } of segments) {
      const isOld = startedMs < now.getTime() - keepSeconds * 1000;
      if (!isOld && total <= maxBytes) break;
      if (open.includes(path)) continue;
      removeIfThere(path);
      total -= byteLength;
      deleted.push(path);
    }
  } catch (error) {
    throw deleteFailure(file, error as NodeJS.ErrnoException);
  }
  return deleted;
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function deleteFailure(file: string, error: NodeJS.ErrnoException): SluiceError {
  const { code = error.message, path = file } = error;
  return new SluiceError('SYSTEM', `cannot delete old segments of ${printable(file)}: ${code}`, {
    details: { path, errno: code },
    remedy:
      'Give this user the right to delete in that folder, or leave --keep and --max-bytes out.',
    cause: error,
  });
}

interface Segment {
  readonly path: string;
  readonly byteLength: number;
  readonly startedMs: number;
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d)-(\d{3})Z$/;

/** In the order of time. What somebody else deletes meanwhile is not there. */
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
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isFile() === true) segments.push({ path, byteLength: found.size, startedMs });
  }
  return segments;
}

function partsOf(file: string): { folder: string; stem: string; extension: string } {
  const extension = extname(file);
  return { folder: dirname(file), stem: basename(file, extension), extension };
}
