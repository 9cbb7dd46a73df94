import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { deleteOldSegments, segmentPath } from '../../../src/video/record/segments.js';

const NOW = new Date('2026-05-17T12:00:00Z');
const NO_LIMIT = { keepSeconds: undefined, maxBytes: undefined };

/** A folder with segments of 100 bytes, begun so many hours ago. */
function folderOf(
  test: TestContext,
  hoursAgo: readonly number[],
): { file: string; paths: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-segments-'));
  test.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'door.mp4');
  const paths = hoursAgo.map((hours) => segmentPath(file, new Date(NOW.getTime() - hours * 3.6e6)));
  for (const path of paths) writeFileSync(path, Buffer.alloc(100));
  return { file, paths };
}

describe('old segments', () => {
  it('go from the oldest on, until both limits hold', (test) => {
    const { file, paths } = folderOf(test, [5, 4, 3, 2, 1]);
    const old = deleteOldSegments(file, { ...NO_LIMIT, keepSeconds: 4.5 * 3600 }, NOW, []);
    assert.deepEqual(old, paths.slice(0, 1));
    const large = deleteOldSegments(file, { ...NO_LIMIT, maxBytes: 250 }, NOW, []);
    assert.deepEqual(large, paths.slice(1, 3));
    assert.deepEqual(deleteOldSegments(file, NO_LIMIT, NOW, []), []);
  });

  it('do not include one that is being written, also when the clock was set back', (test) => {
    const { file, paths } = folderOf(test, [48, 1]);
    const [written = '', other = ''] = paths;
    const limits = { keepSeconds: 60, maxBytes: 1 };
    assert.deepEqual(deleteOldSegments(file, limits, NOW, [written]), [other]);
  });

  it('are files that are called so, and nothing else', (test) => {
    const { file, paths } = folderOf(test, [2]);
    const folder = join(file, '..');
    const before = new Date('2020-01-01T00:00:00Z');
    mkdirSync(segmentPath(file, before));
    symlinkSync(file, segmentPath(file, new Date(before.getTime() + 1)));
    writeFileSync(join(folder, 'door-of-somebody.mp4'), 'not ours');
    const limits = { keepSeconds: 1, maxBytes: 1 };
    assert.deepEqual(deleteOldSegments(file, limits, NOW, []), paths);
    assert.equal(readdirSync(folder).length, 3);
  });

  it('that cannot be looked at are told of in words', () => {
    const file = join(tmpdir(), 'sluice-no-such-folder', 'door.mp4');
    assert.throws(() => deleteOldSegments(file, { ...NO_LIMIT, maxBytes: 1 }, NOW, []), {
      code: 'SYSTEM',
      message: /cannot delete old segments of .*door\.mp4: ENOENT/,
    });
  });
});
