import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_PAINT } from '../../../src/cli/paint.js';
import { displayWidth } from '../../../src/cli/table.js';
import { sampleOf } from '../../../src/cli/top/channel-sampler.js';
import { rowsOf, tableLines, totalsText, type Sort } from '../../../src/cli/top/rows.js';
import {
  FIRST_SCREEN,
  pressKey,
  screenLines,
  type Key,
  type ScreenState,
} from '../../../src/cli/top/screen.js';
import { cameraLines } from '../../../src/cli/camera-facts.js';
import { readStats } from '../../../src/cli/foreign-stats.js';
import { factsOf, manifestOf, reportOf, sampleSinceNothing } from './manifests.js';

const DOOR = sampleSinceNothing(
  manifestOf('camera/door'),
  { published: 25, bytes: 311e6, slotsHeld: 2, slots: 8 },
  [
    { label: 'yolo', received: 24, bytesInPlace: 300e6, held: 1, skipped: 3 },
    { label: 'tap', received: 5, bytesInPlace: 62e6, bytesCopied: 7e6, p99: 171 },
  ],
);
const CHAT = sampleSinceNothing(manifestOf('chat', 'message'), { published: 400, bytes: 800 }, [
  { label: 'reader', received: 400, bytesCopied: 800, lost: 2, p99: 40 },
]);
const CHANNELS = [DOOR, CHAT];
const ALL = { sort: 'name', filter: '', copiesOnly: false } as const;

function names(selection: Partial<ScreenState>): readonly string[] {
  return rowsOf(CHANNELS, { ...ALL, ...selection }).map(
    ({ channel, subscriber }) => subscriber?.facts.label ?? channel.manifest.channel,
  );
}

describe('rates', () => {
  it('are differences over the time between two answers', () => {
    const before = {
      timeMs: 1000,
      facts: factsOf({ published: 100, bytes: 1000 }, [{ received: 10 }]),
    };
    const after = {
      timeMs: 1500,
      facts: factsOf({ published: 150, bytes: 3000 }, [{ received: 20 }]),
    };
    const sample = sampleOf(manifestOf('a'), after, before);
    assert.equal(sample.publishedPerSecond, 100);
    assert.equal(sample.bytesPerSecond, 4000);
    assert.equal(sample.subscribers[0]?.receivedPerSecond, 20);
  });

  it('are the publisher’s own, or 0, at the first answer and for a new subscriber', () => {
    const first = {
      timeMs: 0,
      facts: factsOf({ published: 9, ratePerSecond: 5 }, [{ received: 9 }]),
    };
    const sample = sampleOf(manifestOf('a'), first, undefined);
    assert.equal(sample.publishedPerSecond, 5);
    assert.equal(sample.subscribers[0]?.receivedPerSecond, 0);
  });

  it('never run backwards, and need time to pass', () => {
    const before = { timeMs: 10, facts: factsOf({ published: 9 }) };
    const after = { timeMs: 20, facts: factsOf({ published: 1 }) };
    assert.equal(sampleOf(manifestOf('a'), after, before).publishedPerSecond, 0);
    assert.equal(sampleOf(manifestOf('a'), before, before).publishedPerSecond, 0);
    assert.equal(sampleOf(manifestOf('a'), after, before).state, 'idle');
  });
});

describe('rows', () => {
  it('has the subscribers of a channel below it', () => {
    assert.deepEqual(names({}), ['camera/door', 'yolo', 'tap', 'chat', 'reader']);
  });

  it('sorts by what is asked for', () => {
    const firstBy = (sort: Sort): string | undefined => names({ sort })[0];
    assert.equal(firstBy('rate'), 'chat');
    assert.equal(firstBy('bytes'), 'camera/door');
    assert.equal(firstBy('copied'), 'camera/door');
    assert.equal(firstBy('p99'), 'camera/door');
    assert.equal(firstBy('lost'), 'chat');
  });

  it('filters by the name of a channel or of a subscriber', () => {
    assert.deepEqual(names({ filter: 'door' }), ['camera/door', 'yolo', 'tap']);
    assert.deepEqual(names({ filter: 'yo' }), ['camera/door', 'yolo']);
    assert.deepEqual(names({ filter: 'nothing' }), []);
  });

  it('shows copies of frames only: a message is copied by nature', () => {
    assert.deepEqual(names({ copiesOnly: true }), ['camera/door', 'tap']);
  });

  it('tells what is read in place from what is copied', () => {
    assert.deepEqual(tableLines(rowsOf(CHANNELS, ALL), 200, NO_PAINT), [
      'CHANNEL / SUBSCRIBER  RATE/S  PUBLISHED/S  IN PLACE/S  COPIED/S  P50 us  P99 us  LAG  HELD  SKIP  LOST  DROP',
      'camera/door             25.0       311 MB      362 MB    7.0 MB       -       -    -   2/8     -     -     0',
      '  yolo                  24.0            -      300 MB         0      14      31    0   1/2     3     0     -',
      '! tap                    5.0            -       62 MB    7.0 MB      14     171    0   0/2     0     0     -',
      'chat                     400        800 B           0     800 B       -       -    -     -     -     -     0',
      '  reader                 400            -           0     800 B      14      40    0     -     0     2     -',
    ]);
    assert.equal(
      totalsText(CHANNELS),
      '2 channels  3 subscribers   362 MB/s read in place   7.0 MB/s copied',
    );
  });

  it('leaves columns out where the terminal is narrow', () => {
    for (const width of [120, 100, 90, 80, 72]) {
      const lines = tableLines(rowsOf(CHANNELS, ALL), width, NO_PAINT);
      for (const line of lines) assert.ok(displayWidth(line) <= width, `${width}: ${line}`);
      assert.match(lines[0] ?? '', /IN PLACE\/S {2}COPIED\/S/);
    }
  });
});

function press(state: ScreenState, ...keys: readonly Key[]): ScreenState {
  return keys.reduce((now, key) => {
    const next = pressKey(now, key, CHANNELS);
    assert.ok(typeof next === 'object');
    return next;
  }, state);
}

function letters(text: string): readonly Key[] {
  return [...text].map((letter) => ({ name: letter, sequence: letter }));
}

describe('keys', () => {
  it('end, interrupt and suspend', () => {
    assert.equal(pressKey(FIRST_SCREEN, { name: 'q' }, CHANNELS), 'quit');
    assert.equal(pressKey(FIRST_SCREEN, { name: 'c', ctrl: true }, CHANNELS), 'interrupt');
    assert.equal(pressKey(FIRST_SCREEN, { name: 'z', ctrl: true }, CHANNELS), 'suspend');
  });

  it('goes round the ways to sort', () => {
    const once = press(FIRST_SCREEN, { name: 's' });
    assert.equal(once.sort, 'rate');
    assert.equal(press(once, ...letters('sssss')).sort, 'name');
  });

  it('types a filter, in which q is a letter', () => {
    const slash = { sequence: '/' };
    const typed = press(FIRST_SCREEN, slash, ...letters('qdx'), { name: 'backspace' });
    assert.deepEqual([typed.typing, typed.filter], [true, 'qd']);
    assert.equal(press(typed, { name: 'return' }).typing, false);
    assert.equal(press(typed, { name: 'escape' }).filter, '');
    assert.equal(pressKey(typed, { name: 'c', ctrl: true }, CHANNELS), 'interrupt');
    assert.equal(press(typed, { sequence: '\u001b[A', name: 'up' }).filter, 'qd');
  });

  it('selects within the rows and opens the channel of the row', () => {
    const down = { name: 'down' };
    const last = press(FIRST_SCREEN, down, down, down, down, down, down, down);
    assert.equal(last.selected, 4);
    assert.equal(press(last, { name: 'up' }).selected, 3);
    const opened = press(last, { name: 'return' });
    assert.equal(opened.detail, 'chat');
    assert.equal(press(opened, { name: 'escape' }).detail, undefined);
  });

  it('does nothing where there is nothing', () => {
    const next = pressKey(FIRST_SCREEN, { name: 'return' }, []);
    assert.ok(typeof next === 'object' && next.detail === undefined);
  });
});

describe('cameras', () => {
  const told = {
    ...{
      state: 'lost',
      input: 'rtsp://10.0.0.7/',
      codec: 'h264',
      decoder: 'ffmpeg',
      wanted: 'all',
    },
    ...{ framesPerSecond: 25, bitsPerSecond: 4.04e6, pictures: 101, dropped: 1, decodeMs: 12.54 },
    ...{ lastFrameAgeMs: 61_000, reconnects: 2, lastError: 'gone\u001b[31m' },
  };
  const yard = sampleOf(
    manifestOf('camera/yard'),
    {
      timeMs: 1,
      facts: readStats({ publisher: { userStats: { camera: told } }, subscribers: [] }),
    },
    undefined,
  );
  const size = { width: 200, height: 10 };

  it('are told of in the details of their channel', () => {
    const state = { ...FIRST_SCREEN, detail: 'camera/yard' };
    const lines = screenLines(state, [yard, CHAT], size, NO_PAINT);
    assert.ok(
      lines.includes(
        'camera     lost, h264 by ffmpeg, 25.0 fps, 4.0 Mbit/s, decode 12.5 ms, 1 dropped, ' +
          'last frame 1 m ago, 2 reconnects, gone\\e[31m',
      ),
      lines.join('\n'),
    );
    const chat = screenLines({ ...FIRST_SCREEN, detail: 'chat' }, [yard, CHAT], size, NO_PAINT);
    assert.ok(!chat.some((line) => line.startsWith('camera ')));
  });

  it('have a table of their own, which a key opens and closes', () => {
    const state = press(FIRST_SCREEN, { name: 'c' });
    assert.deepEqual(screenLines(state, [...CHANNELS, yard], size, NO_PAINT).slice(1, 4), [
      'CAMERA       STATE  DECODER   FPS     BITRATE   DECODE  DROP  AGE  RECONNECTS  SAYS',
      'camera/yard  lost   ffmpeg   25.0  4.0 Mbit/s  12.5 ms     1  1 m           2  gone\\e[31m',
      '',
    ]);
    assert.equal(screenLines(state, CHANNELS, size, NO_PAINT)[1], 'no cameras');
    const filtered = { ...state, filter: 'door' };
    assert.equal(screenLines(filtered, [yard], size, NO_PAINT)[1], 'no cameras');
    assert.equal(press(state, { name: 'c' }).cameras, false);
    assert.equal(press(state, { name: 'escape' }).cameras, false);
  });

  it('may tell what they like, and nothing comes of it', () => {
    for (const camera of [null, 7, [], { framesPerSecond: 'x', lastFrameAgeMs: {}, state: 1 }]) {
      const stats = { publisher: { userStats: { camera } }, subscribers: [] };
      const facts = readStats(stats as unknown as Parameters<typeof readStats>[0]);
      const lines = cameraLines([reportOf(manifestOf('a'), facts)], NO_PAINT);
      for (const line of lines) assert.doesNotMatch(line, /NaN|undefined|object/);
    }
    assert.equal(
      readStats({ publisher: { userStats: 'no' }, subscribers: [] }).publisher.userStats,
      undefined,
    );
  });
});

describe('the screen', () => {
  const size = { width: 90, height: 10 };

  it('fills the terminal and goes nowhere beyond it', () => {
    for (const state of [FIRST_SCREEN, { ...FIRST_SCREEN, detail: 'chat' }]) {
      for (const height of [1, 3, 6, 10, 40]) {
        const lines = screenLines(state, CHANNELS, { width: 60, height }, NO_PAINT);
        assert.equal(lines.length, height);
      }
    }
  });

  it('keeps the selected row in sight', () => {
    const state = { ...FIRST_SCREEN, selected: 4 };
    const lines = screenLines(state, CHANNELS, { width: 90, height: 5 }, NO_PAINT);
    assert.ok(lines.some((line) => line.startsWith('  reader')));
  });

  it('says what is filtered, what can be pressed, and that there is nothing', () => {
    const state = { ...FIRST_SCREEN, filter: 'zzz', copiesOnly: true };
    const lines = screenLines(state, CHANNELS, size, NO_PAINT);
    assert.equal(lines[1], 'nothing matches');
    assert.match(lines.at(-1) ?? '', /\[filter zzz\] {2}\[copies only\]/);
    assert.equal(screenLines(FIRST_SCREEN, [], size, NO_PAINT)[1], 'no channels yet');
  });
});
