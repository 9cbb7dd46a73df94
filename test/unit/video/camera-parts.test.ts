import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { closeDescriptor, createPipe } from '../../../src/ffi/index.js';
import { Backoff } from '../../../src/video/camera/backoff.js';
import { DecodeTimes } from '../../../src/video/camera/decode-times.js';
import { FirstPicture } from '../../../src/video/camera/first-picture.js';
import { cameraInput } from '../../../src/video/camera/input.js';
import { checkCameraOptions } from '../../../src/video/camera/options.js';
import { PacketOutput } from '../../../src/video/camera/packet-output.js';
import { Timeline } from '../../../src/video/camera/timeline.js';
import { openCamera } from '../../../src/video.js';
import {
  hideSecrets,
  nutFrameHeader,
  nutHeader,
  readFailure,
  redact,
  rescale,
  toNs,
} from '../../../src/video/ffmpeg/index.js';

describe('times', () => {
  it('of containers become nanoseconds without rounding on the way', () => {
    assert.equal(toNs(1, { numerator: 1001, denominator: 30_000 }), 33_366_667);
    assert.equal(
      toNs(90_000 * 86_400 * 365, { numerator: 1, denominator: 90_000 }),
      86_400e9 * 365,
    );
    const [slow, fast] = [
      { numerator: 1, denominator: 25 },
      { numerator: 1, denominator: 51_200 },
    ];
    assert.equal(rescale(rescale(12_345, slow, fast), fast, slow), 12_345);
    assert.equal(
      rescale(-3, { numerator: 1, denominator: 2 }, { numerator: 1, denominator: 1 }),
      -2,
    );
  });

  it('go on over a loss by the time that went by', () => {
    const line = new Timeline();
    const base = { numerator: 1, denominator: 1000 };
    assert.equal(line.place(40, base, 1_000e6), 40e6);
    line.reconnect();
    assert.equal(line.placeBeside(5000, base), undefined, 'no picture has said where it lies');
    assert.equal(line.place(5000, base, 1_700e6), 740e6, '0.7 s after the last');
    assert.equal(line.place(5040, base, 1_730e6), 780e6);
    assert.equal(line.placeBeside(5000, base), 740e6);
  });

  it('of decoding increase, and none is beyond its presentation', () => {
    const order = [0, 4, 2, 1, 3, 8, 6, 5, 7];
    const times = new DecodeTimes(2);
    const decoded = order.map((picture) => times.next(picture * 40));
    assert.deepEqual(
      decoded,
      decoded.toSorted((a, b) => a - b),
    );
    order.forEach((picture, index) => assert.ok(decoded[index]! <= picture * 40));
    const plain = new DecodeTimes(0);
    assert.deepEqual(
      [0, 40, 80].map((pts) => plain.next(pts)),
      [0, 40, 80],
    );
  });
});

describe('attempts', () => {
  it('come ever later, up to a bound, at times that vary, and begin anew after a good connection', () => {
    const backoff = new Backoff();
    const longest = Array.from({ length: 8 }, () => backoff.next(0, () => 1));
    assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    assert.equal(
      backoff.next(60_000, () => 0),
      250,
    );
  });
});

describe('secrets', () => {
  const url = 'rtsp://viewer:p%40ss/word@10.0.0.7:554/live?token=abc123&quality=1';

  it('are no part of what is shown', () => {
    const { shown, secrets } = hideSecrets(
      'rtsp://viewer:p%40ssword@10.0.0.7:554/live?token=abc123',
    );
    assert.equal(shown, 'rtsp://10.0.0.7:554/live?…');
    const said = redact(
      'cannot open rtsp://viewer:p%40ssword@10.0.0.7 of viewer, p@ssword, abc123',
      secrets,
    );
    assert.doesNotMatch(said, /viewer|ssword|abc123/);
  });

  it('are words that the caller names, wherever they stand', () => {
    const input = 'http://host/t0ken/live';
    const { args, script, shown } = cameraInput({ input, secrets: ['t0ken'] });
    assert.equal(shown, 'http://host/…/live');
    assert.ok(!args.join(' ').includes('t0ken') && script?.includes('t0ken'));
    for (const secrets of [['ab'], ['']]) {
      assert.throws(() => checkCameraOptions({ input, secrets }), /three characters/);
    }
    // Found when a channel is opened, it would be too late to refuse it.
    for (const wrong of [{ slots: 1 }, { packetRingBytes: 1 }]) {
      assert.throws(() => checkCameraOptions({ input: '/clip.mp4', ...wrong }), RangeError);
    }
    assert.throws(() => checkCameraOptions({ input: '/clip.mp4', secrets: ['clip'] }), /URLs/);
  });

  it('are on no command line, whatever the URL', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9'"$%_-]{6,12}$/), (password) => {
        const { args, script, shown } = cameraInput({ input: `rtsp://user:${password}@host/path` });
        assert.ok(!args.join(' ').includes(password) && !shown.includes(password));
        assert.ok(script?.includes(password.replaceAll("'", String.raw`'\''`)));
      }),
    );
    const { args } = cameraInput({ input: url });
    assert.doesNotMatch(args.join(' '), /abc123|p%40ss/);
  });
});

describe('an input', () => {
  it('is told to ffmpeg as what it is', () => {
    const cases = [
      ['/dev/video2', 'device', '-video_size 640x480 -f v4l2 -i /dev/video2'],
      ['/dev/v4l/by-id/usb-cam-index0', 'device', '-f v4l2 -i /dev/v4l/by-id/usb-cam-index0'],
      ['x11::1.0+10,20', 'screen', '-f x11grab -i :1.0+10,20'],
      ['lavfi:testsrc2', 'generated', '-re -f lavfi -i testsrc2'],
      ['/dev/videos/clip.mp4', 'file', '-fflags +genpts -i file:/dev/videos/clip.mp4'],
    ] as const;
    for (const [input, kind, words] of cases) {
      const inputOptions = words.startsWith('-video_size') ? { video_size: '640x480' } : {};
      const found = cameraInput({ input, inputOptions });
      assert.deepEqual([found.kind, found.args.join(' ')], [kind, words]);
    }
  });
});

describe('what ffmpeg says', () => {
  it('is told in words, and whether waiting mends it', () => {
    const cases = [
      ['x.mp4: No such file or directory', 'CAMERA_UNREACHABLE', true],
      ['method DESCRIBE failed: 401 Unauthorized', 'CAMERA_DENIED', true],
      ['Connection to tcp://h:554 failed: Connection refused', 'CAMERA_UNREACHABLE', false],
      ['rtsp://h/p: Connection timed out', 'CAMERA_UNREACHABLE', false],
      ['x: Invalid data found when processing input', 'CAMERA_FORMAT', true],
      [
        'ioctl(VIDIOC_QUERYCAP): Inappropriate ioctl for device',
        ...(['CAMERA_FORMAT', true] as const),
      ],
      ['Cannot open display :77, error 1.', 'CAMERA_UNREACHABLE', false],
      ['[nut @ 0x1] dimensions not set', 'CAMERA_FORMAT', false],
      ['rtsp://h/p: End of file', 'CAMERA_UNREACHABLE', false],
      ['x: Not yet implemented in FFmpeg, patches welcome', 'CAMERA_FORMAT', true],
      ['something new', 'CAMERA_UNREACHABLE', false],
    ] as const;
    for (const [line, code, isLasting] of cases) {
      const failure = readFailure('cam: cannot open x', { status: 1, lines: [line] });
      assert.deepEqual([failure.error.code, failure.isLasting], [code, isLasting], line);
      assert.match(failure.error.message, /^cam: cannot open x: /);
    }
    const absent = Object.assign(new Error('spawn ffmpeg ENOENT'), { code: 'ENOENT' });
    const { error } = readFailure('cam', { error: absent, status: undefined, lines: [] });
    assert.equal(error.code, 'UNSUPPORTED');
    assert.match(error.remedy, /Install ffmpeg/);
  });
});

describe('the first picture of RTSP', () => {
  it('is delivered before the others, also when it is read after the end of the stream', async () => {
    const stream = {
      ...{ class: 'video' as const, fourcc: Buffer.from('H264'), extra: new Uint8Array(0) },
      ...{ timeBase: { numerator: 1, denominator: 25 }, decodeDelay: 0 },
      ...{ width: 64, height: 48, sampleRateHz: 0, channels: 0 },
    } as const;
    const { readable, writable } = createPipe(1 << 16);
    writeSync(writable, nutHeader(stream));
    writeSync(writable, Buffer.concat([nutFrameHeader(1, true, 3), Buffer.from('one')]));
    closeDescriptor(writable);
    const delivered: string[] = [];
    const first = new FirstPicture(readable, ({ bytes }) => {
      delivered.push(Buffer.from(bytes).toString());
    });
    const times = { rawPts: 2, pts: 2, captureTimeNs: 0 };
    first.take({ bytes: Buffer.from('two'), keyFrame: false, ...times });
    await first.close();
    assert.deepEqual(delivered, ['one', 'two']);
  });
});

describe('the channel of packets', () => {
  it('is opened at the next attempt where the first has failed', async (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-packets-'));
    test.after(() => rmSync(folder, { recursive: true }));
    const directory = join(folder, 'run');
    const nothing = (): void => undefined;
    const flow = { waits: false, hold: nothing, release: nothing };
    const about = { ringBytes: 1 << 16, flow, ending: new AbortController().signal };
    const output = new PacketOutput('camera/packets', { directory }, about);
    writeFileSync(directory, 'no folder');
    const facts = { timeBase: [1, 25], width: 64, height: 48 } as const;
    await assert.rejects(output.begin('h264', facts), { code: 'BAD_DIRECTORY' });
    rmSync(directory);
    await output.begin('h264', facts);
    assert.ok(output.isOpen);
    await output.close();
  });
});

describe('openCamera', () => {
  it('refuses what no camera can be opened with', async () => {
    const wrong = [
      [{ input: '' }, TypeError],
      [{ input: 'a\nb' }, TypeError],
      [{ input: 'x', decode: 'often' }, TypeError],
      [{ input: 'x', decodeThreads: 0 }, RangeError],
      [{ input: 'x', inputOptions: { 'a b': '1' } }, TypeError],
      [{ input: 'x', speed: 2 }, TypeError],
    ] as const;
    for (const [options, kind] of wrong) {
      await assert.rejects(openCamera('camera/door', options as never), kind);
    }
  });
});
