import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { memoryLimits } from '../../../src/ffi/index.js';
import { temporaryDirectory } from './descriptors.js';

const MEMINFO =
  'MemTotal:       24684084 kB\nMemFree:        1000 kB\nMemAvailable:   1000000 kB\n';
const MACHINE_BYTES = 1_000_000 * 1024;

/** What memoryLimits() finds under a root directory with these files. */
function limitsOf(files: Readonly<Record<string, string>>): ReturnType<typeof memoryLimits> {
  const root = temporaryDirectory();
  try {
    for (const [name, text] of Object.entries({ 'proc/meminfo': MEMINFO, ...files })) {
      mkdirSync(dirname(join(root.path, name)), { recursive: true });
      writeFileSync(join(root.path, name), text);
    }
    return memoryLimits(root.path);
  } finally {
    root.remove();
  }
}

describe('memoryLimits', () => {
  it('is what the machine has without control groups', () => {
    const expected = { availableBytes: MACHINE_BYTES, machineAvailableBytes: MACHINE_BYTES };
    assert.deepEqual(limitsOf({}), expected);
    assert.deepEqual(limitsOf({ 'proc/self/cgroup': '0::/\n' }), expected);
    assert.deepEqual(
      limitsOf({
        'proc/self/cgroup': '0::/user.slice\n',
        'sys/fs/cgroup/user.slice/memory.max': 'max\n',
        'sys/fs/cgroup/user.slice/memory.current': '4096\n',
      }),
      expected,
    );
  });

  it('reads version 2, where the tightest ancestor decides and idle cache does not count', () => {
    const found = limitsOf({
      'proc/self/cgroup': '0::/user.slice/app.scope\n',
      'sys/fs/cgroup/user.slice/app.scope/memory.max': '900000000\n',
      'sys/fs/cgroup/user.slice/app.scope/memory.current': '100000000\n',
      'sys/fs/cgroup/user.slice/memory.max': '800000000\n',
      'sys/fs/cgroup/user.slice/memory.current': '700000000\n',
      'sys/fs/cgroup/user.slice/memory.stat':
        'anon 5\ninactive_file 50000000\nactive_file 90000000\n',
    });
    assert.deepEqual(found, {
      availableBytes: 150_000_000,
      machineAvailableBytes: MACHINE_BYTES,
      cgroupLimitBytes: 800_000_000,
      cgroupUsedBytes: 650_000_000,
    });
  });

  it('reads version 1, also where both are mounted', () => {
    const membership = '5:cpu,cpuacct:/box\n4:memory:/box\n0::/other\n';
    const files = {
      'proc/self/cgroup': membership,
      'sys/fs/cgroup/memory/box/memory.limit_in_bytes': '300000000\n',
      'sys/fs/cgroup/memory/box/memory.usage_in_bytes': '100000000\n',
      'sys/fs/cgroup/memory/box/memory.stat': 'inactive_file 1\ntotal_inactive_file 10000000\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '5\n',
    };
    const found = limitsOf(files);
    assert.equal(found.availableBytes, 210_000_000);
    assert.equal(found.cgroupLimitBytes, 300_000_000);
    assert.equal(found.cgroupUsedBytes, 90_000_000);
  });

  it('finds the limit of a container whose own path is not mounted', () => {
    const found = limitsOf({
      'proc/self/cgroup': '4:memory:/docker/0123\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '300000000\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '300000001\n',
    });
    assert.equal(found.availableBytes, 0);
    assert.equal(found.cgroupLimitBytes, 300_000_000);
  });

  it('does not follow a path upwards', () => {
    const found = limitsOf({
      'proc/self/cgroup': '0::/../../x\n',
      'sys/fs/memory.max': '1\n',
      'sys/fs/memory.current': '1\n',
    });
    assert.equal(found.availableBytes, MACHINE_BYTES);
  });

  it('is UNSUPPORTED without MemAvailable', () => {
    assert.throws(() => limitsOf({ 'proc/meminfo': 'MemTotal: 5 kB\n' }), { code: 'UNSUPPORTED' });
  });

  it('works on this machine', () => {
    const found = memoryLimits();
    assert.ok(found.availableBytes > 0 && found.availableBytes <= found.machineAvailableBytes);
  });
});
