import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ECHO_WINDOW_MS,
  FRAME_INTERVAL_MS,
  FramePacer,
} from '../../../src/terminal/output/frame-pacer.js';

describe('the pace of frames', () => {
  it('is one in 16 ms, and the first at once', () => {
    const pacer = new FramePacer();
    assert.equal(pacer.delayMs(100), 0);
    pacer.frameDrawn(100);
    assert.equal(pacer.delayMs(100), FRAME_INTERVAL_MS);
    assert.equal(pacer.delayMs(106), FRAME_INTERVAL_MS - 6);
    assert.equal(pacer.delayMs(1000), 0);
  });

  it('makes an echo due at once, and the key alone nothing', () => {
    const pacer = new FramePacer();
    pacer.frameDrawn(100);
    pacer.keySent(101);
    assert.equal(pacer.delayMs(101), FRAME_INTERVAL_MS - 1);
    pacer.focusChanged(102);
    assert.equal(pacer.delayMs(102), 0);
  });

  it('keeps an echo due that came while a frame was on its way, until it is drawn', () => {
    const pacer = new FramePacer();
    pacer.keySent(99);
    pacer.frameDrawn(100);
    pacer.focusChanged(101);
    assert.equal(pacer.delayMs(101 + 2 * ECHO_WINDOW_MS), 0);
    pacer.frameDrawn(102);
    assert.equal(pacer.delayMs(102), FRAME_INTERVAL_MS);
  });

  it('takes one change for the echo, and none that comes late', () => {
    const pacer = new FramePacer();
    pacer.keySent(100);
    pacer.focusChanged(101);
    pacer.frameDrawn(101);
    pacer.focusChanged(102);
    assert.equal(pacer.delayMs(102), FRAME_INTERVAL_MS - 1);
    pacer.keySent(200);
    pacer.frameDrawn(200 + ECHO_WINDOW_MS);
    pacer.focusChanged(201 + ECHO_WINDOW_MS);
    assert.equal(pacer.delayMs(201 + ECHO_WINDOW_MS), FRAME_INTERVAL_MS - 1);
  });
});
