import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  atLeast,
  channelName,
  channelPattern,
  framesPerSecond,
  listOf,
  positiveSeconds,
  startPosition,
  videoFormat,
} from '../../../src/cli/option-values.js';
import { UsageError } from '../../../src/cli/run.js';

/** Every value is refused by a UsageError that names the option. */
function refuses(parse: (value: string) => unknown, values: readonly string[], name: RegExp): void {
  for (const value of values) {
    assert.throws(
      () => parse(value),
      (error: unknown) => error instanceof UsageError && name.test(error.message),
      value,
    );
  }
}

describe('values of options', () => {
  it('takes integers from a least one on', () => {
    assert.equal(atLeast('--frames', 1)('1'), 1);
    assert.equal(atLeast('--frames', 0)('0'), 0);
    const wrong = ['0', '-1', '1.5', '1e3', '', ' 1', 'x', '0x10', '99999999999999999', '٣'];
    refuses(atLeast('--frames', 1), wrong, /^--frames ".*": must be an integer from 1 on$/);
  });

  it('collects repeated options', () => {
    const parse = listOf(atLeast('--allow-uid', 0));
    assert.deepEqual(parse('7', parse('0')), [0, 7]);
  });

  it('takes seconds that a timer can count', () => {
    assert.equal(positiveSeconds('--seconds')('0.5'), 0.5);
    assert.equal(positiveSeconds('--seconds')('.5'), 0.5);
    const wrong = ['0', '-1', '', 'NaN', 'Infinity', '1e9', '2147484', '1s'];
    refuses(positiveSeconds('--seconds'), wrong, /^--seconds/);
  });

  it('takes rates', () => {
    assert.equal(framesPerSecond('--fps')('29.97'), 29.97);
    refuses(framesPerSecond('--fps'), ['0', '-25', 'many', '100000'], /^--fps/);
  });

  it('takes pictures as PIXELS:WIDTHxHEIGHT', () => {
    const { kind, pixelFormat, width, height } = videoFormat('--video')('nv12:640x480');
    assert.deepEqual(
      { kind, pixelFormat, width, height },
      {
        kind: 'video',
        pixelFormat: 'nv12',
        width: 640,
        height: 480,
      },
    );
    const wrong = ['nv12', 'nv12:640', 'yuv9:640x480', 'nv12:640x480x2', '__proto__:1x1', ''];
    refuses(videoFormat('--video'), wrong, /^--video/);
    refuses(videoFormat('--video'), ['nv12:0x480', 'nv12:99999x480'], /width/);
  });

  it('takes positions', () => {
    assert.equal(startPosition('--from')('newest'), 'newest');
    assert.equal(startPosition('--from')('oldest'), 'oldest');
    assert.equal(startPosition('--from')('42'), 42);
    refuses(startPosition('--from'), ['latest', '-1', '1.5', ''], /^--from/);
  });

  it('takes names and patterns of channels', () => {
    assert.equal(channelName('camera/door'), 'camera/door');
    assert.equal(channelPattern('camera/**'), 'camera/**');
    refuses(channelName, ['camera/*'], /pattern/);
    refuses(channelName, ['', 'Camera', '../x', 'a//b', 'a\u001b[31m'], /channel name/);
    refuses(channelPattern, ['**/a', 'A*'], /channel pattern/);
  });
});
