import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR_TABLE, SluiceError } from '../../../src/core/index.js';
import { doctorLines } from '../../../src/cli/commands/doctor.js';
import { errorLines } from '../../../src/cli/commands/help.js';
import { infoLines } from '../../../src/cli/commands/info.js';
import { listingLines } from '../../../src/cli/commands/ls.js';
import { eventLine } from '../../../src/cli/commands/watch.js';
import { channelChecks } from '../../../src/cli/doctor/channel-checks.js';
import { ok, warn, type Check } from '../../../src/cli/doctor/check.js';
import { checkLimits, checkRuntime } from '../../../src/cli/doctor/machine-checks.js';
import { describeFailure, exitCodeOf, failureLines } from '../../../src/cli/failure.js';
import { readStats } from '../../../src/cli/foreign-stats.js';
import { NO_PAINT } from '../../../src/cli/paint.js';
import { ExitCode, UsageError } from '../../../src/cli/run.js';
import { factsOf, manifestOf, reportOf } from './manifests.js';

const DEAD = {
  manifest: manifestOf('camera/yard'),
  state: 'dead',
  facts: undefined,
  error: new SluiceError('CHANNEL_NOT_FOUND', 'nobody listens'),
} as const;

describe('ls', () => {
  it('shows a table and a summary', () => {
    const reports = [
      reportOf(manifestOf('camera/door'), factsOf({ dropped: 3 }, [{}, {}])),
      DEAD,
      reportOf(manifestOf('detect/door', 'message'), factsOf({ ratePerSecond: 4.8 })),
    ];
    assert.deepEqual(listingLines(reports, '/run/sluice', NO_PAINT), [
      'CHANNEL      FORMAT          MEMORY    RATE  SUBS  DROP  STATE',
      'camera/door  nv12 3840x2160  host    25.0/s     2     3  live',
      'camera/yard  nv12 3840x2160  host         -     -     -  dead',
      'detect/door  json            host     4.8/s     0     0  live',
      '3 channels, 1 process, 101 MB host      /run/sluice',
    ]);
  });

  it('says where it looked when there is nothing', () => {
    assert.deepEqual(listingLines([], '/run/sluice', NO_PAINT), ['no channels in /run/sluice']);
  });
});

describe('info', () => {
  it('shows a channel, its subscribers and how to read it', () => {
    const facts = factsOf({ published: 300, bytes: 5e6, uptimeMs: 11_520_000, slotsHeld: 2 }, [
      { label: 'yolo', bytesInPlace: 100 },
      { label: 'tap', bytesInPlace: 9, bytesCopied: 7e6 },
    ]);
    assert.deepEqual(infoLines(reportOf(manifestOf('camera/door'), facts), NO_PAINT), [
      'camera/door   live 3 h 12 m   epoch 1',
      'format     video nv12 3840x2160, 12 MB a frame, bt709 limited (guessed)',
      'memory     host, pool of 8 slots x 13 MB, 2 held',
      'publisher  pid 4121 camera.mjs, uid 1000',
      'traffic    300 published, 25.0/s, 5.0 MB, 0 dropped',
      'SUBSCRIBER   PID  DELIVERY  LAG  HELD  SKIP  LOST  PATH',
      'yolo        5000  latest      0   0/2     0     0  zero-copy',
      'tap         5001  latest      0   0/2     0     0  COPY: 7.0 MB by toHost()',
      'read it    sluice sub camera/door --frames 1',
    ]);
  });

  it('says why there is no answer', () => {
    const lines = infoLines(DEAD, NO_PAINT);
    assert.ok(lines.includes('no answer  nobody listens'));
  });
});

describe('watch', () => {
  it('shows an event a line', () => {
    const at = new Date(2026, 0, 1, 9, 8, 7);
    assert.equal(
      eventLine({ type: 'retired', manifest: manifestOf('camera/door') }, at, NO_PAINT),
      '09:08:07  retired    camera/door  nv12 3840x2160, host, epoch 1, camera.mjs (pid 4121)',
    );
  });
});

describe('doctor', () => {
  it('puts two short findings on a line, and what is wrong last, with what mends it', () => {
    const checks: readonly Check[] = [
      ok('a', 'kernel 6.8 has sealed memfd'),
      ok('b', 'RLIMIT_NOFILE 1048576'),
      warn('c', 'little memory', 'Use less.'),
      { level: 'none', topic: 'd', text: 'ffmpeg' },
      {
        level: 'FAIL',
        topic: 'e',
        text: 'it is stopped',
        remedy: 'kill -CONT 7',
        code: 'NO_ANSWER',
      },
      { level: 'COPY', topic: 'f', text: 'camera/door -> tap   copied 7 MB' },
    ];
    const debris = [{ channel: 'a', files: [], reason: 'owner ended' }] as const;
    assert.deepEqual(doctorLines({ checks, debris, removed: debris }, 80, NO_PAINT), [
      'ok    kernel 6.8 has sealed memfd        ok    RLIMIT_NOFILE 1048576',
      'none  ffmpeg',
      'COPY  camera/door -> tap   copied 7 MB',
      'warn  little memory',
      '      Use less.',
      'FAIL  it is stopped',
      '      kill -CONT 7   sluice help NO_ANSWER',
      'removed what was left of a (owner ended)',
      '1 failure, 1 warning. Debris: 1 dead channel, a (sluice doctor --clean)',
    ]);
  });

  it('reads limits', () => {
    const limits = [
      'Limit                     Soft Limit           Hard Limit           Units     ',
      'Max open files            512                  1024                 files     ',
      'Max locked memory         unlimited            unlimited            bytes     ',
    ].join('\n');
    assert.deepEqual(
      checkLimits(limits).map(({ level, text }) => `${level} ${text}`),
      ['warn RLIMIT_NOFILE 512', 'ok RLIMIT_MEMLOCK unlimited, host memory needs none'],
    );
    assert.deepEqual(checkLimits('something else'), []);
  });

  it('knows the runtimes that cannot do it', () => {
    const node = { node: '20.19.0' };
    assert.equal(checkRuntime(node, []).level, 'ok');
    assert.equal(checkRuntime(node, ['--experimental-permission']).level, 'FAIL');
    assert.equal(checkRuntime(node, ['--permission', '--allow-fs-read=*']).level, 'FAIL');
    for (const name of ['electron', 'bun', 'deno']) {
      assert.equal(checkRuntime({ ...node, [name]: '1.0' }, []).level, 'FAIL', name);
    }
  });

  it('finds drops, copies, losses and publishers that do not answer', () => {
    const facts = factsOf({ dropped: 4 }, [{ bytesCopied: 9, lost: 2, maxLag: 4 }]);
    const frames = reportOf(manifestOf('camera/door'), facts);
    const messages = reportOf(manifestOf('chat', 'message'), factsOf({}, [{ bytesCopied: 9 }]));
    const error = new SluiceError('NO_ANSWER', 'it does not answer');
    const silent = { ...DEAD, state: 'silent', error } as const;
    const levels = (checks: readonly Check[]): readonly string[] =>
      checks.map(({ level }) => level);
    assert.deepEqual(levels(channelChecks([frames])), ['ok', 'warn', 'COPY', 'warn']);
    assert.deepEqual(levels(channelChecks([messages])), ['ok']);
    assert.deepEqual(levels(channelChecks([DEAD])), []);
    const [check] = channelChecks([silent]);
    assert.equal(check?.remedy, 'kill -CONT 4121');
  });
});

describe('failures', () => {
  it('have their exit codes', () => {
    assert.equal(exitCodeOf(new UsageError('x')), ExitCode.usage);
    assert.equal(exitCodeOf(new SluiceError('CHANNEL_NOT_FOUND', 'x')), ExitCode.nothing);
    assert.equal(exitCodeOf(new SluiceError('NO_SPACE', 'x')), ExitCode.failed);
    assert.equal(exitCodeOf(new TypeError('x')), ExitCode.failed);
  });

  it('name the remedy and the help', () => {
    const error = new SluiceError('NO_SPACE', 'no room\u001b[31m', { remedy: 'Buy more.' });
    assert.deepEqual(failureLines(error), [
      'sluice: no room\\e[31m',
      'Buy more.',
      'More: sluice help NO_SPACE',
    ]);
    assert.deepEqual(failureLines(new UsageError('no such thing')), ['sluice: no such thing']);
  });

  it('show the stack of a fault of Sluice itself', () => {
    const lines = failureLines(new TypeError('x is not a function'));
    assert.equal(lines[0], 'sluice: TypeError: x is not a function');
    assert.match(lines[1] ?? '', /^ {4}at /);
    assert.equal(describeFailure('thrown').message, 'thrown');
  });

  it('are explained from the table', () => {
    const lines = errorLines('NO_SPACE', ERROR_TABLE.NO_SPACE, NO_PAINT);
    for (const cause of ERROR_TABLE.NO_SPACE.causes) assert.ok(lines.includes(`  - ${cause}`));
    assert.equal(lines.at(-1), `  ${ERROR_TABLE.NO_SPACE.remedy}`);
  });
});

describe('what a publisher answers', () => {
  it('becomes plain counts and printable text, whatever it is', () => {
    const hostile = {
      publisher: { published: -1, dropped: 'many', bytes: Number.NaN, ratePerSecond: 1e300 },
      subscribers: [
        { label: '\u001b[2J', pid: {}, latencyUs: null, lost: Infinity, delivery: 5 },
        { latencyUs: { p50: 'x' } },
      ],
      omitted: -4,
    };
    const { publisher, subscribers, omitted } = readStats(hostile);
    for (const value of Object.values(publisher)) assert.equal(value, 0);
    assert.equal(subscribers[0]?.label, '\\e[2J');
    assert.equal(subscribers[0]?.lost, 0);
    assert.equal(subscribers[0]?.delivery, '');
    assert.equal(subscribers[1]?.latencyUs.p50, 0);
    assert.equal(omitted, 0);
  });
});
