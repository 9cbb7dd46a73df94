import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentSelection, Playback, WrittenTime } from '../../../src/terminal/replay/index.js';

const BUSY = { lastMs: 0, nextMs: 0 };

describe('a playback', () => {
  it('goes with the clock, as fast as it is told, and stands while it is paused', () => {
    const playback = new Playback({ lengthMs: 100_000, fromMs: 1000 });
    playback.look(5000, BUSY);
    assert.equal(playback.positionMs, 1000);
    playback.look(5500, BUSY);
    assert.equal(playback.positionMs, 1500);
    playback.command('faster', 0);
    playback.command('faster', 0);
    assert.equal(playback.speed, 2);
    playback.look(6500, BUSY);
    assert.equal(playback.positionMs, 3500);
    assert.equal(playback.waitMs(3600, BUSY), 50);
    playback.command('pause', 0);
    playback.look(9500, BUSY);
    assert.deepEqual([playback.positionMs, playback.paused], [3500, true]);
    assert.equal(playback.waitMs(3600, BUSY), Infinity);
    playback.command('pause', 0);
    playback.command('usual-speed', 0);
    playback.look(9600, BUSY);
    assert.equal(playback.positionMs, 3600);
    for (let times = 0; times < 20; times += 1) playback.command('slower', 0);
    assert.equal(playback.speed, 0.25);
  });

  it('jumps, to nowhere outside, and starts again when it has ended', () => {
    const playback = new Playback({ lengthMs: 100_000 });
    playback.look(0, BUSY);
    playback.command('on', 0);
    assert.equal(playback.positionMs, 5000);
    playback.command('far-on', 0);
    playback.command('far-on', 0);
    assert.deepEqual([playback.positionMs, playback.ended], [100_000, true]);
    playback.command('back', 0);
    assert.equal(playback.positionMs, 95_000);
    playback.command('far-back', 0);
    playback.command('far-back', 0);
    assert.equal(playback.positionMs, 0);
    playback.command('step', 1234);
    assert.deepEqual([playback.positionMs, playback.paused], [1234, true]);
    playback.command('end', 0);
    playback.command('pause', 0);
    assert.deepEqual([playback.positionMs, playback.paused], [0, false]);
  });

  it('makes a pause of everybody as short as it is told, and does not make up for what was too slow', () => {
    const playback = new Playback({ lengthMs: 100_000, idleLimitMs: 2000 });
    playback.look(0, { lastMs: 0, nextMs: 50_000 });
    playback.look(1999, { lastMs: 0, nextMs: 50_000 });
    assert.equal(playback.positionMs, 1999);
    assert.equal(playback.waitMs(50_000, { lastMs: 0, nextMs: 50_000 }), 1);
    playback.look(2000, { lastMs: 0, nextMs: 50_000 });
    assert.equal(playback.positionMs, 50_000);
    playback.resume(10_000);
    playback.look(10_100, { lastMs: 50_000, nextMs: 51_000 });
    assert.equal(playback.positionMs, 50_100);
    playback.look(13_000, { lastMs: 50_000, nextMs: Infinity });
    assert.equal(playback.ended, true);
  });

  it('without a limit of speed is at its end at once, and from there goes as it was recorded', () => {
    const playback = new Playback({ lengthMs: 100_000, speed: Infinity });
    playback.look(0, BUSY);
    assert.equal(playback.ended, true);
    playback.command('back', 0);
    assert.deepEqual([playback.positionMs, playback.speed], [95_000, 1]);
  });
});

describe('times in a file', () => {
  it('are those of the recording, faster, with long pauses made short', () => {
    const time = new WrittenTime(1000, 2, 500);
    assert.equal(time.of(1200), 100);
    assert.equal(time.of(9000), 250);
    time.event(9000);
    assert.equal(time.of(9000), 250);
    time.event(9100);
    assert.deepEqual([time.of(9100), time.of(9300), time.of(99_000)], [300, 400, 550]);
  });
});

describe('a selection', () => {
  it('is all but the muted, or of these the soloed, and never nobody by a key', () => {
    const selection = new AgentSelection(['a', 'b', 'c'], ['c', 'a'], ['b']);
    assert.deepEqual([selection.shown, selection.first], [['a', 'c'], 'c']);
    selection.toggleSolo('a');
    assert.deepEqual(selection.shown, ['a', 'c']);
    selection.toggleSolo('a');
    assert.deepEqual(selection.shown, ['a']);
    assert.equal(selection.mute('a'), false);
    selection.showAll();
    assert.equal(selection.mute('a'), true);
    assert.deepEqual(selection.shown, ['b', 'c']);
  });
});
