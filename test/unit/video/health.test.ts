/** When a camera is well, and how that is said. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  CameraWatch,
  type CameraHealth,
  type Health,
  healthOf,
  parseMetricsAddress,
  type PartHealth,
  prometheusText,
} from '../../../src/video/health/index.js';
import { MqttReport } from '../../../src/video/health/mqtt-report.js';
import type { CameraStats } from '../../../src/video.js';

const live: CameraStats = {
  state: 'live',
  input: 'rtsp://10.0.0.7/',
  codec: 'h264',
  decoder: 'ffmpeg',
  wanted: 'all',
  frames: 100,
  framesPerSecond: 25,
  bitsPerSecond: 4_000_000,
  pictures: 101,
  dropped: 1,
  decodeMs: 12.5,
  lastFrameAgeMs: 40,
  reconnects: 2,
  lastError: '',
};

/** Looks once a second at what changes from look to look; returns what is said in the end. */
function after(seconds: number, at: (second: number) => Partial<CameraStats>): string {
  const watch = new CameraWatch('camera/a', 5000);
  let said = '';
  for (let second = 0; second <= seconds; second += 1) {
    const stats = { ...live, ...at(second) };
    said = watch.look({ stats, restarts: 0, lastError: '' }, second * 1000).problem;
  }
  return said;
}

describe('a camera', () => {
  it('is well while pictures come and become frames', () => {
    assert.equal(
      after(20, (second) => ({ pictures: second })),
      '',
    );
  });

  it('is not well when no picture comes, whatever its publisher says', () => {
    assert.equal(
      after(5, () => ({})),
      '',
    );
    assert.equal(
      after(6, () => ({})),
      'no picture has come for 6.0 s',
    );
  });

  it('is not well when pictures become no frames', () => {
    const said = after(20, (second) => ({ pictures: second, lastFrameAgeMs: second * 1000 }));
    assert.equal(said, 'pictures come, but there has been no frame for 20.0 s');
    const never = after(9, (second) => ({ pictures: second, frames: 0, lastFrameAgeMs: -1 }));
    assert.match(never, /no frame for 9.0 s/);
  });

  it('lacks pictures, not frames, when both have stopped', () => {
    // The last frame came between two looks; the pictures are known to have stopped at the second one only.
    const both = (second: number): Partial<CameraStats> => ({
      lastFrameAgeMs: second * 1000 + 900,
    });
    assert.equal(after(5, both), '');
    assert.match(after(6, both), /^no picture has come for 6.0 s/);
  });

  it('is well without frames that nobody wants, and has its time when somebody does', () => {
    const wantedFrom = (from: number) => (second: number) => ({
      pictures: second,
      wanted: second < from ? ('none' as const) : ('all' as const),
      lastFrameAgeMs: 1e6,
    });
    assert.equal(after(20, wantedFrom(21)), '');
    assert.equal(after(20, wantedFrom(15)), '');
    assert.match(after(21, wantedFrom(15)), /no frame for 6.0 s/);
  });

  it('is well while it sleeps, when nobody looks at a device', () => {
    const asleep = { codec: 'raw', wanted: 'none', pictures: 7 } as const;
    assert.equal(
      after(60, () => asleep),
      '',
    );
    assert.equal(
      after(60, (second) => (second < 58 ? asleep : { ...asleep, wanted: 'all' })),
      '',
    );
  });

  it('is well between key frames that are far apart', () => {
    const rare = { wanted: 'key', lastFrameAgeMs: 50_000 } as const;
    assert.equal(
      after(50, (second) => ({ ...rare, pictures: second })),
      '',
    );
  });

  it('has its last words as the reason while it is away', () => {
    const watch = new CameraWatch('camera/a', 5000);
    const opening = watch.look({ stats: undefined, restarts: 3, lastError: 'refused' }, 0);
    assert.deepEqual([opening.healthy, opening.problem, opening.restarts], [false, 'refused', 3]);
    const stats = { ...live, state: 'lost', lastError: 'gone' } as const;
    assert.equal(watch.look({ stats, restarts: 0, lastError: '' }, 1).problem, 'gone');
    const ended = { ...live, state: 'ended' } as const;
    assert.match(watch.look({ stats: ended, restarts: 0, lastError: '' }, 2).problem, /ended/);
  });
});

const odd = 'a"b\\c\nd';
const cameras: CameraHealth[] = [
  { ...live, channel: 'camera/a', healthy: true, problem: '', restarts: 0 },
  {
    ...{ ...live, frames: 0, lastFrameAgeMs: -1 },
    ...{ channel: 'camera/b', healthy: false, problem: 'gone', restarts: 4 },
  },
];
const parts: PartHealth[] = [
  {
    ...{ kind: 'tap', name: odd, state: 'running', restarts: 0, lastError: '' },
    stats: { clients: 2, framesSent: 10, framesSkipped: 1, bytesSent: 4096 },
  },
  { kind: 'filter', name: 'f', state: 'waiting', restarts: 1, lastError: 'no', stats: undefined },
];
const text = prometheusText(healthOf(cameras, parts), '1.2.3');

interface Family {
  help: string;
  type: string;
  samples: { labels: Record<string, string>; value: number }[];
}

/** The grammar of the text format 0.0.4, strictly: each family whole, behind its HELP and TYPE. */
function parsePrometheus(given: string): Map<string, Family> {
  assert.ok(given.endsWith('\n'));
  const families = new Map<string, Family>();
  let current = '';
  for (const line of given.slice(0, -1).split('\n')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (word === 'HELP') {
      assert.ok(!families.has(name), `${name} stands in two places`);
      families.set(name, { help: rest, type: '', samples: [] });
      current = name;
    } else if (word === 'TYPE') {
      assert.equal(name, current);
      families.get(name)!.type = rest;
    } else {
      const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"`;
      const sample = new RegExp(`^(\\w+)(?:\\{(${label}(?:,${label})*)\\})? (-?[0-9.e+-]+)$`);
      const [, sampled, labels = '', value] = sample.exec(line) ?? [];
      assert.equal(sampled, current, line);
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, raw]) => [
        key,
        raw!.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
      ]);
      const record = Object.fromEntries(pairs) as Record<string, string>;
      families.get(current)!.samples.push({ labels: record, value: Number(value) });
    }
  }
  return families;
}

describe('the text for Prometheus', () => {
  const families = parsePrometheus(text);
  const valueOf = (name: string, labels: Record<string, string> = {}): number | undefined =>
    families.get(name)?.samples.find((sample) => {
      return Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
    })?.value;

  it('keeps the format, with help, a type and one name for each thing', () => {
    assert.ok(families.size > 12);
    for (const [name, { help, type, samples }] of families) {
      assert.match(name, /^sluice_[a-z_]+$/);
      assert.match(help, /\w.*\.$/);
      assert.equal(type, name.endsWith('_total') ? 'counter' : 'gauge');
      assert.ok(samples.length > 0);
      assert.doesNotMatch(name, /_(?:ms|milliseconds|bits|kb)\b/);
      const distinct = new Set(samples.map(({ labels }) => JSON.stringify(labels)));
      assert.equal(distinct.size, samples.length);
    }
  });

  it('has the numbers in seconds and bytes', () => {
    const a = { channel: 'camera/a' };
    assert.equal(valueOf('sluice_camera_decode_seconds', a), 0.0125);
    assert.equal(valueOf('sluice_camera_last_frame_age_seconds', a), 0.04);
    assert.equal(valueOf('sluice_camera_received_bytes_per_second', a), 500_000);
    assert.equal(valueOf('sluice_camera_frames_total', a), 100);
    assert.equal(valueOf('sluice_camera_healthy', a), 1);
    assert.equal(valueOf('sluice_healthy'), 0);
    assert.equal(valueOf('sluice_build_info', { version: '1.2.3' }), 1);
  });

  it('leaves out what is not known, and gives names back as they were', () => {
    assert.equal(
      valueOf('sluice_camera_last_frame_age_seconds', { channel: 'camera/b' }),
      undefined,
    );
    assert.equal(valueOf('sluice_tap_sent_bytes_total', { name: odd }), 4096);
    assert.equal(valueOf('sluice_part_running', { kind: 'filter', name: 'f' }), 0);
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0;
  const skip = promtool ? false : 'there is no promtool';
  it('is what promtool takes without a remark', { skip }, () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text });
    assert.equal(status, 0, `${stdout.toString()}${stderr.toString()}`);
    assert.equal(stderr.toString(), '');
  });
});

describe('an address for metrics', () => {
  it('is one of this machine unless another is named', () => {
    assert.deepEqual(parseMetricsAddress('9464'), { host: '127.0.0.1', port: 9464 });
    assert.deepEqual(parseMetricsAddress(':9464'), { host: '127.0.0.1', port: 9464 });
    assert.deepEqual(parseMetricsAddress('localhost:1'), { host: '127.0.0.1', port: 1 });
    assert.deepEqual(parseMetricsAddress('[::1]:1'), { host: '::1', port: 1 });
    assert.deepEqual(parseMetricsAddress('0.0.0.0:1'), { host: '0.0.0.0', port: 1 });
    for (const bad of ['', 'x', '70000', 'example.org:1', '127.0.0.1', '1:2:3']) {
      assert.throws(() => parseMetricsAddress(bad), RangeError, bad);
    }
  });
});

describe('a report by MQTT', () => {
  it('takes back what a connection before has told of cameras that are gone', async () => {
    const sent = new Map<string, string>();
    const client = Object.assign(new EventEmitter(), {
      connected: false,
      end: () => undefined,
      publishAsync: async (topic: string, said: string) => void sent.set(topic, said),
    });
    const options = { url: 'mqtt://127.0.0.1', topic: 'nvr', discovery: 'ha' };
    const told = new Set(['gone']);
    const health = (): Health => healthOf([], []);
    const report = new MqttReport(client as never, options, options.url, health, told);
    await report.close();
    await nextTurn();
    const empty = [...sent].flatMap(([topic, said]) => (said === '' ? [topic] : []));
    assert.ok(empty.includes('nvr/cameras/gone/status'), empty.join(' '));
    assert.equal(empty.filter((topic) => topic.startsWith('ha/')).length, 8);
    assert.equal(told.size, 0);
  });

  it('forgets no camera whose messages the broker may still have', async () => {
    const client = Object.assign(new EventEmitter(), {
      connected: false,
      end: () => undefined,
      publishAsync: () => Promise.reject(new Error('Connection closed')),
    });
    const options = { url: 'mqtt://127.0.0.1', topic: 'nvr' };
    const told = new Set(['gone']);
    const health = (): Health => healthOf([], []);
    const report = new MqttReport(client as never, options, options.url, health, told);
    await report.close();
    await nextTurn();
    assert.deepEqual([...told], ['gone']);
  });
});
