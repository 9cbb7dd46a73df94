import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SluiceError, video } from '../../../src/index.js';
import { rateOfInterval, rationalRate } from '../../../src/video/container/frame-rate.js';
import { soundFraming } from '../../../src/video/container/mpegts-sound.js';
import { TS_PACKET_BYTES, TsMuxer } from '../../../src/video/container/mpegts.js';
import { endMessage, gstreamerPlanes, ReleaseReader } from '../../../src/video/container/unixfd.js';
import { parseY4mHeader, y4mHeader } from '../../../src/video/container/y4m.js';

const RATE = { numerator: 30_000, denominator: 1001 };

describe('YUV4MPEG2', () => {
  it('reads the header it writes', () => {
    const formats = [
      video({ width: 640, height: 480, pixelFormat: 'i420' }),
      video({ width: 3, height: 5, pixelFormat: 'gray8' }),
    ];
    for (const format of formats) {
      const line = Buffer.from(y4mHeader(format, RATE)).toString();
      assert.ok(line.endsWith('\n'));
      assert.deepEqual(parseY4mHeader(line.slice(0, -1)), { format, rate: RATE });
    }
  });

  it('keeps full range', () => {
    const { format } = parseY4mHeader('YUV4MPEG2 W2 H2 F25:1 C420jpeg XCOLORRANGE=FULL');
    assert.equal(format.color?.range, 'full');
    assert.match(Buffer.from(y4mHeader(format, RATE)).toString(), /XCOLORRANGE=FULL\n$/);
  });

  it('takes 4:2:0 where nothing is said, and no rate where it is 0', () => {
    const { format, rate } = parseY4mHeader('YUV4MPEG2 W4 H2 F0:0');
    assert.equal(format.pixelFormat, 'i420');
    assert.equal(rate, undefined);
  });

  it('refuses what no channel carries, in words', () => {
    const lines = ['RIFF', 'YUV4MPEG2 W4 H2 C444', 'YUV4MPEG2 W0 H2', 'YUV4MPEG2 W4', ''];
    for (const line of lines) {
      assert.throws(() => parseY4mHeader(line), { code: 'FORMAT_MISMATCH' }, line);
    }
  });

  it('takes or refuses any line, and never breaks', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (rest) => {
        try {
          parseY4mHeader(`YUV4MPEG2 ${rest}`);
        } catch (error) {
          assert.ok(error instanceof SluiceError);
        }
      }),
    );
  });
});

describe('frame rates', () => {
  it('are what is meant by a number', () => {
    assert.deepEqual(rationalRate(25), { numerator: 25, denominator: 1 });
    assert.deepEqual(rationalRate(29.97), RATE);
    assert.deepEqual(rationalRate(12.5), { numerator: 12_500, denominator: 1000 });
  });

  it('are what times in milliseconds mean', () => {
    assert.deepEqual(rateOfInterval(40_000_000), { numerator: 25, denominator: 1 });
    assert.deepEqual(rateOfInterval(33_000_000), { numerator: 30, denominator: 1 });
    assert.equal(rateOfInterval(0), undefined);
    assert.equal(rateOfInterval(-5), undefined);
  });
});

const LC_48K_STEREO = Uint8Array.of(0x11, 0x90);

describe('sound in a transport stream', () => {
  const aac = (...configuration: number[]) =>
    soundFraming({ codec: 'aac', channels: 2, configuration: Uint8Array.from(configuration) });

  it('has what AudioSpecificConfig says before each packet', () => {
    const packet = new Uint8Array(300);
    assert.deepEqual(
      [...(aac(...LC_48K_STEREO)?.header(packet) ?? [])],
      [0xff, 0xf1, 0x4c, 0x80, 307 >> 3, ((307 & 7) << 5) | 0x1f, 0xfc],
    );
    // HE-AAC: low complexity at 24 kHz, mono, and 48 kHz above it.
    assert.deepEqual(
      [...(aac(0x2b, 0x09, 0x88)?.header(packet) ?? [])].slice(0, 4),
      [0xff, 0xf1, 0x58, 0x40],
    );
    assert.equal(aac(...LC_48K_STEREO)?.header(new Uint8Array(8185)), undefined);
  });

  it('is left as it is where packets have headers', () => {
    const framed = Uint8Array.of(0xff, 0xf1, 0, 0, 0, 0, 0, 0);
    assert.deepEqual(aac()?.header(framed), new Uint8Array(0));
    assert.equal(aac()?.header(new Uint8Array(8)), undefined);
  });

  it('is none of what cannot be said: rates and channels of their own, other codecs, any bytes', () => {
    for (const bad of [[0x17, 0x90], [0x11, 0x80], [0x09], [0xf8, 0x00]]) {
      assert.equal(aac(...bad), undefined, bad.join());
    }
    const other = { channels: 1, configuration: new Uint8Array(0) };
    assert.equal(soundFraming({ ...other, codec: 'pcm-alaw' }), undefined);
    assert.equal(soundFraming({ ...other, codec: 'opus', channels: 6 }), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (configuration) => {
        soundFraming({ codec: 'aac', channels: 2, configuration })?.header(new Uint8Array(9));
      }),
    );
  });

  it('says how long a packet of Opus is, in steps', () => {
    const opus = soundFraming({ codec: 'opus', channels: 2, configuration: new Uint8Array(0) });
    assert.deepEqual([...(opus?.header(new Uint8Array(300)) ?? [])], [0x7f, 0xe0, 255, 45]);
    assert.deepEqual([...(opus?.header(new Uint8Array(255)) ?? [])], [0x7f, 0xe0, 255, 0]);
  });
});

describe('MPEG transport stream', () => {
  const units = (codec: 'h264' | 'hevc'): Uint8Array => {
    const muxer = new TsMuxer(codec);
    const nal = Buffer.alloc(1000, 0x55);
    nal.set([0, 0, 0, 1, codec === 'h264' ? 0x65 : 0x26]);
    return Buffer.concat(
      [0, 1, 2, 3].map((index) =>
        muxer.unit({
          bytes: nal.subarray(0, 150 + index * 90),
          ptsNs: index * 40_000_000,
          dtsNs: index * 40_000_000 - 20_000_000,
          keyFrame: index % 2 === 0,
        }),
      ),
    );
  };

  it('is made of whole packets, each counted', () => {
    const stream = units('h264');
    assert.equal(stream.length % TS_PACKET_BYTES, 0);
    const counters = new Map<number, number>();
    for (let at = 0; at < stream.length; at += TS_PACKET_BYTES) {
      assert.equal(stream[at], 0x47);
      const pid = ((stream[at + 1]! & 0x1f) << 8) | stream[at + 2]!;
      const counter = stream[at + 3]! & 15;
      assert.equal(counter, counters.get(pid) ?? 0);
      counters.set(pid, (counter + 1) & 15);
    }
    assert.deepEqual([...counters.keys()], [0, 0x1000, 0x100]);
  });

  it('tells of sound that comes later by a new version of its map', () => {
    const muxer = new TsMuxer('h264');
    const unit = (keyFrame: boolean): Uint8Array =>
      muxer.unit({ bytes: Buffer.from([0, 0, 0, 1, 0x65]), ptsNs: 0, dtsNs: 0, keyFrame });
    assert.equal(muxer.soundUnit(Buffer.alloc(9), 0).length, 0);
    const map = (stream: Uint8Array): readonly (number | undefined)[] => {
      const start = TS_PACKET_BYTES + 5;
      return [stream[start + 2], (stream[start + 5]! >> 1) & 31, stream[start + 17]];
    };
    assert.deepEqual(map(unit(true)).slice(0, 2), [18, 0]);
    muxer.sound = soundFraming({ codec: 'aac', channels: 2, configuration: LC_48K_STEREO });
    assert.deepEqual(map(unit(false)), [23, 1, 0x0f], 'at once, not only before a key frame');
    const sound = muxer.soundUnit(Buffer.alloc(300, 7), 0);
    assert.equal(sound.length, 2 * TS_PACKET_BYTES);
    muxer.sound = undefined;
    assert.deepEqual(map(unit(false)).slice(0, 2), [18, 2]);
  });

  const skip = spawnSync('ffprobe', ['-version']).status !== 0 && 'no ffprobe';
  it('is read by ffprobe with its times', { skip }, () => {
    const words = ['-v', 'error', '-f', 'mpegts', '-show_entries', 'packet=pts,dts', '-of'];
    const { stdout } = spawnSync('ffprobe', [...words, 'compact', '-'], { input: units('h264') });
    const lead = 90_000;
    assert.deepEqual(
      [...stdout.toString().matchAll(/pts=(\d+)\|dts=(\d+)/g)].map(([, ...times]) =>
        times.map(Number),
      ),
      [0, 1, 2, 3].map((index) => [lead + index * 3600, lead + index * 3600 - 1800]),
    );
  });
});

describe('the messages of unixfd', () => {
  const release = (id: number): Buffer => {
    const message = Buffer.alloc(16);
    message.writeUInt32LE(1, 0);
    message.writeUInt32LE(8, 4);
    message.writeBigUInt64LE(BigInt(id), 8);
    return message;
  };

  it('are read in whatever pieces they come', () => {
    const stream = Buffer.concat([release(1), release(2), release(3)]);
    for (let size = 1; size <= stream.length; size += 1) {
      const reader = new ReleaseReader();
      const ids: number[] = [];
      for (let at = 0; at < stream.length; at += size) {
        ids.push(...(reader.push(stream.subarray(at, at + size)) ?? [-1]));
      }
      assert.deepEqual(ids, [1, 2, 3]);
    }
  });

  it('may be of a newer version, and of no other kind', () => {
    const unknown = Buffer.from([9, 0, 0, 0, 2, 0, 0, 0, 7, 7]);
    assert.deepEqual(new ReleaseReader().push(Buffer.concat([unknown, release(4)])), [4]);
    const short = Buffer.from([1, 0, 0, 0, 2, 0, 0, 0, 7, 7]);
    const long = Buffer.from([9, 0, 0, 0, 0, 0, 1, 0]);
    for (const bad of [short, long, endMessage(), Buffer.alloc(8)]) {
      assert.equal(new ReleaseReader().push(bad), undefined);
    }
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
        const reader = new ReleaseReader();
        for (const piece of pieces) if (reader.push(piece) === undefined) return;
      }),
    );
  });

  it('have planes where GStreamer looks for them', () => {
    // As `gst_video_info_set_format` of GStreamer 1.22 says.
    const layouts = [
      ['nv12', 322, 241, [0, 78_408], [324, 324], 117_612],
      ['i420', 322, 241, [0, 78_408, 98_252], [324, 164, 164], 118_096],
      ['p010', 322, 241, [0, 155_848], [644, 644], 233_772],
      ['rgb24', 33, 3, [0], [100], 300],
      ['gray8', 33, 3, [0], [36], 108],
      ['gray16', 33, 3, [0], [68], 204],
      ['bgra', 33, 3, [0], [132], 396],
    ] as const;
    for (const [pixelFormat, width, height, starts, pitches, byteLength] of layouts) {
      const planes = gstreamerPlanes(video({ width, height, pixelFormat }));
      assert.deepEqual(
        planes.map(({ start }) => start),
        starts,
        pixelFormat,
      );
      assert.deepEqual(
        planes.map(({ pitchBytes }) => pitchBytes),
        pitches,
      );
      assert.equal(planes.at(-1)?.end, byteLength, pixelFormat);
    }
  });
});
