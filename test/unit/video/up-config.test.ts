/** The file of `sluice up`: what is read of it, and what is said of what is wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Plan, readConfig } from '../../../src/video/up/index.js';
import { readText } from '../repository/tree.js';

const environment = { DOOR: 'viewer:pa ss"word', BROKER: 'mq:tt', SHORT: 'ab', RUN: '/run/door' };

function planOf(text: string): Plan {
  const { plan, problems } = readConfig(text, environment);
  assert.deepEqual(problems ?? [], []);
  return plan!;
}

/** `line:column key: message`, one each. */
function mistakesOf(text: string): string[] {
  const { problems } = readConfig(text, environment);
  assert.ok(problems !== undefined, 'it was taken');
  return problems.map(({ line, column, key, message }) => `${line}:${column} ${key}: ${message}`);
}

const camera = (rest: string): string => `cameras:\n  camera/a:\n    input: /a.mp4\n${rest}`;

describe('a file that is right', () => {
  it('is read as options of the parts', () => {
    const { parts } = planOf(`
x-common: &common
  decode: demand
  allow: { uids: [1000] }
staleAfterMs: 9000
cameras:
  camera/door:
    <<: *common
    input: /clip.mp4
    memory: cuda:1
    inputOptions: { framerate: 5 }
  camera/hall: { input: /dev/video0, staleAfterMs: 1500 }
taps:
  door: { channel: camera/door, as: y4m, socket: /run/door.y4m, size: 640x360 }
filters:
  detect:
    inputs: ['camera/*']
    batch: 4
    to: { width: 64, height: 64, colors: rgb, layout: chw, dtype: f16 }
encoders:
  wall/packets: { input: wall, bitsPerSecond: 4000000 }
mosaics:
  wall: { inputs: ['camera/*'], width: 640, height: 360 }
recorders:
  door: { channel: camera/door, file: /r/door.mp4 }
  all: { channel: '**', file: /r/all.mcap }
metrics: 9464
mqtt: { url: mqtt://localhost }
`);
    const byName = new Map(parts.map(({ name, spec }) => [`${spec.kind} ${name}`, spec]));
    assert.deepEqual(byName.get('camera camera/door'), {
      kind: 'camera',
      staleAfterMs: 9000,
      options: {
        input: '/clip.mp4',
        memory: 'cuda:1',
        decode: 'demand',
        allow: { uids: [1000] },
        inputOptions: { framerate: '5' },
      },
    });
    const hall = byName.get('camera camera/hall');
    assert.ok(hall?.kind === 'camera' && hall.staleAfterMs === 1500);
    const tap = byName.get('tap door');
    assert.ok(tap?.kind === 'tap');
    assert.deepEqual(tap.options.size, { width: 640, height: 360 });
    assert.deepEqual(byName.get('metrics '), { kind: 'metrics', address: '9464' });
    const door = byName.get('recorder door');
    assert.ok(door?.kind === 'recorder');
    // In segments always: a part that is opened again must not write over what there is.
    assert.deepEqual(door.options, { file: '/r/door.mp4', segmentSeconds: 600 });
    assert.equal(parts.length, 10);
  });

  it('makes a camera with a sub-stream two, which are told apart', () => {
    const { parts } = planOf(
      [
        'cameras:',
        '  camera/door:',
        '    input: rtsp://10.0.0.7/main',
        '    subStream: "rtsp://${DOOR}@10.0.0.7/sub"',
        '    decode: demand',
        '    staleAfterMs: 7000',
      ].join('\n'),
    );
    assert.deepEqual(
      parts.map(({ name, spec }) => [name, spec]),
      [
        [
          'camera/door',
          {
            kind: 'camera',
            staleAfterMs: 7000,
            options: { input: 'rtsp://10.0.0.7/main', decode: 'demand' },
          },
        ],
        [
          'camera/door/sub',
          {
            kind: 'camera',
            staleAfterMs: 7000,
            options: {
              input: `rtsp://${environment.DOOR}@10.0.0.7/sub`,
              secrets: [environment.DOOR],
              decode: 'demand',
              audio: 'none',
            },
          },
        ],
      ],
    );
  });

  it('is the one of docs/video.md', () => {
    const section = readText('docs/video.md').split('## Running many cameras')[1] ?? '';
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(section) ?? [];
    const { parts } = planOf(example);
    const kinds = new Set(parts.map(({ spec }) => spec.kind));
    assert.equal(kinds.size, 8);
  });

  it('has secrets in it only as the environment has them', () => {
    const { parts, secrets } = planOf(
      [
        'cameras:',
        '  camera/door: { input: "rtsp://${DOOR}@10.0.0.7/live" }',
        '  camera/plain: { input: "/movies/$${DOOR}.mp4" }',
        'taps: { door: { channel: camera/door, as: y4m, socket: "${RUN}/y4m" } }',
        'mqtt: { url: "mqtt://${BROKER}@localhost" }',
      ].join('\n'),
    );
    const [door, plain, tap] = parts.map(({ spec }) => spec);
    assert.ok(door?.kind === 'camera' && plain?.kind === 'camera' && tap?.kind === 'tap');
    assert.equal(door.options.input, `rtsp://${environment.DOOR}@10.0.0.7/live`);
    assert.deepEqual(door.options.secrets, [environment.DOOR]);
    assert.equal(plain.options.input, '/movies/${DOOR}.mp4');
    assert.equal(tap.options.socket, '/run/door/y4m');
    assert.deepEqual([...secrets].sort(), ['/run/door', 'mq:tt', environment.DOOR].sort());
  });
});

describe('a file that is wrong', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['is empty', '', /^1:1 : the file is empty, wanted cameras, filters/],
    ['is a list', '- a\n', /found no mapping/],
    ['is no YAML', 'cameras: [\n', /^2:1 : Flow sequence/],
    ['says a key twice', 'metrics: 1\nmetrics: 2\n', /^2:1 : Map keys must be unique/],
    ['has an unknown tag', 'metrics: !!js/function 1\n', /Unresolved tag/],
    ['has a key with a slip', 'camera:\n  a: {}\n', /^1:1 camera: .*Did you mean cameras\?/],
    [
      'has a key with a slip further in',
      camera('    memroy: host\n'),
      /^4:5 cameras\.camera\/a\.memroy: there is no such key\. Did you mean memory\?$/,
    ],
    ['has a key like no other', camera('    zzz: 1\n'), /Known are input, subStream, .*label\.$/],
    [
      'has a word with a slip',
      camera('    decode: alwys\n'),
      /^4:13 .*found "alwys", wanted always, demand or key\. Did you mean always\?$/,
    ],
    [
      'has a number too small',
      camera('    slots: 1\n'),
      /^4:12 .*found 1, wanted an integer from 2/,
    ],
    ['has text for a number', camera('    slots: two\n'), /found "two", wanted an integer/],
    ['has nothing where something is due', 'cameras:\n  a:\n', /^2:\d+ cameras\.a: found nothing/],
    [
      'has a name that is none',
      'cameras:\n  A/b: { input: a }\n',
      /^2:3 .*found "A\/b", wanted the/,
    ],
    [
      'lacks an input',
      'cameras:\n  a: { loop: true }\n',
      /^2:3 cameras\.a\.input: is missing, want/,
    ],
    [
      'has a tap that listens nowhere',
      'taps:\n  a: { channel: b, as: y4m }\n',
      /^2:3 taps\.a: openTap\(\) needs either socket or tcp/,
    ],
    [
      'has a tap for the whole network',
      'taps:\n  a: { channel: b, as: y4m, tcp: "0.0.0.0:80" }\n',
      /this machine only/,
    ],
    [
      'has a filter of two kinds',
      'filters:\n  a: { inputs: [b], to: { width: 2, height: 2, layout: chw } }\n',
      /filters\.a: to\.colors/,
    ],
    [
      'publishes a channel twice',
      `${camera('')}encoders:\n  camera/a/packets: { input: b }\n`,
      /^5:3 .*channel camera\/a\/packets is already that of cameras\.camera\/a in line 2$/,
    ],
    [
      'publishes the packets of a camera twice',
      `${camera('')}encoders:\n  camera/a: { input: b }\n`,
      /^5:3 .*channel camera\/a\/packets is already that of cameras\.camera\/a in line 2$/,
    ],
    [
      'listens twice in one place',
      'taps:\n  a: &t { channel: b, as: y4m, socket: /s }\n  b: *t\n',
      /the socket \/s is already that of taps\.a in line 2/,
    ],
    [
      'names a variable that is not there',
      'cameras:\n  a: { input: "rtsp://${NOBODY}@h/" }\n',
      /^2:15 .*\$\{NOBODY\}: there is no such variable/,
    ],
    ['has a secret that is shown', camera('    label: "${DOOR}"\n'), /variables are secrets/],
    [
      'has a secret in the name of a device',
      'cameras:\n  a: { input: "/dev/${DOOR}" }\n',
      /variables can stand in inputs that are URLs/,
    ],
    ['has a secret as a key', 'taps:\n  "${RUN}": {}\n', /variables cannot stand in keys/],
    [
      'has a secret that is too short',
      'cameras:\n  a: { input: "rtsp://h/${SHORT}" }\n',
      /less than 3 characters/,
    ],
    [
      'records into one file twice',
      'recorders:\n  a: &r { channel: b, file: /f.mkv }\n  b: *r\n',
      /the file \/f\.mkv is already that of recorders\.a/,
    ],
    [
      'records into no such file',
      'recorders:\n  a: { channel: b, file: /f.avi }\n',
      /end in \.mp4/,
    ],
    [
      'has an mcap in segments',
      'recorders:\n  a: { channel: b, file: /f.mcap, keepSeconds: 5 }\n',
      /keepSeconds is for \.mp4 and \.mkv/,
    ],
    ['has a mosaic of itself', 'mosaics:\n  a: { inputs: [a] }\n', /a cannot be made of itself/],
    ['has a broker of another kind', 'mqtt: { url: "http://h" }\n', /url must be mqtt:/],
    ['reports to nowhere', 'metrics: somewhere\n', /^1:1 metrics: metrics must be a port/],
  ];
  for (const [name, text, said] of cases) {
    it(`is told so when it ${name}`, () => {
      assert.ok(
        mistakesOf(text).some((mistake) => said.test(mistake)),
        `said was ${mistakesOf(text).join('\n')}`,
      );
    });
  }

  it('is told all of its mistakes at once, in the order of lines', () => {
    const mistakes = mistakesOf('cameras:\n  a: { inptu: b, decode: x }\n  c: 5\nfilter: {}\n');
    assert.equal(mistakes.length, 5);
    assert.deepEqual(
      mistakes.map((mistake) => Number(mistake.split(':')[0])),
      [2, 2, 2, 3, 4],
    );
  });

  it('does not hear its passwords again', () => {
    const texts = [
      'cameras:\n  a: { input: "rtsp://u:hunter2@h/", decode: no }\n',
      'cameras:\n  a: { input: ["rtsp://u:hunter2@h/"] }\n',
      'mqtt: { url: 5, password: hunter2, username: [hunter2] }\n',
      'taps:\n  a: { channel: b, as: h264, size: 1x1, socket: "${DOOR}" }\n',
    ];
    for (const text of texts) assert.doesNotMatch(mistakesOf(text).join(), /hunter2|pa ss"word/);
  });

  it('of any text breaks nothing, and has at most 50 mistakes', () => {
    const line = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.constantFrom('cameras:', '  a:', '    input: x', '- *a', '&a b', '<<: *a', '${X}', '? ['),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const { plan, problems = [] } = readConfig(lines.join('\n'), {});
        assert.ok(plan !== undefined || (problems.length > 0 && problems.length <= 50));
        for (const { line: at, column } of problems) assert.ok(at >= 1 && column >= 1);
      }),
    );
    const bomb = ['a: &a0 [x]', ...Array.from({ length: 20 }, (_, at) => bombLine(at + 1))];
    assert.match(mistakesOf(bomb.join('\n')).join(), /Excessive alias count|no such key/);
  });
});

function bombLine(level: number): string {
  return `b${level}: &a${level} [${Array(9)
    .fill(`*a${level - 1}`)
    .join(', ')}]`;
}
