/** Taps and their clients in one process: who waits for whom, and what a client gets in which order. */
import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type FramePublisher, video, type VideoFormat } from '../../../src/index.js';
import { openTap, type Tap, type TapOptions } from '../../../src/video.js';
import { NutDemuxer } from '../../../src/video/ffmpeg/index.js';
import { DemandLoop } from '../../../src/video/tap/demand-loop.js';
import { Bench } from '../bus/bench.js';

const SMALL = video({ width: 128, height: 4, pixelFormat: 'gray8' });
const SMALL_BYTES = 512;
/** More than a socket takes. */
const LARGE = video({ width: 2048, height: 1024, pixelFormat: 'gray8' });
const LARGE_BYTES = 2048 * 1024;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A client that reads when it is told to. */
class Client {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  ended = false;

  constructor(path: string, reads = true) {
    this.socket = connect({ path });
    this.socket.on('data', (chunk: Buffer) => (this.bytes = Buffer.concat([this.bytes, chunk])));
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('error', () => (this.ended = true));
    if (!reads) this.socket.pause();
  }

  /** The first byte of each picture of a raw tap. */
  pictures(byteLength: number): readonly number[] {
    const count = Math.floor(this.bytes.length / byteLength);
    return Array.from({ length: count }, (_, index) => this.bytes[index * byteLength]!);
  }
}

class Setting {
  readonly bench: Bench;
  readonly path: string;
  tap!: Tap;

  constructor(test: TestContext) {
    this.bench = new Bench(test);
    this.path = join(dirname(this.bench.directory), 'tap.sock');
  }

  async open(options: Partial<TapOptions> = {}): Promise<Tap> {
    const { directory } = this.bench;
    this.tap = this.bench.own(
      await openTap('clip', { as: 'raw', socket: this.path, directory, ...options }),
    );
    return this.tap;
  }

  publisher(format: VideoFormat, slots?: number): Promise<FramePublisher<VideoFormat>> {
    return this.bench.publisher('clip', { format, ...(slots === undefined ? {} : { slots }) });
  }

  async client(reads = true): Promise<Client> {
    const { accepted } = this.tap.stats();
    const client = new Client(this.path, reads);
    this.bench.own({ close: async () => void client.socket.destroy() });
    await until(() => this.tap.stats().accepted > accepted);
    return client;
  }
}

/** Publishes a picture of which every byte is `value`. */
function show(publisher: FramePublisher<VideoFormat>, value: number): void {
  using loan = publisher.tryLoan();
  assert.ok(loan, 'a slot is free');
  loan.bytes.fill(value);
  loan.publish({ ptsNs: value * 40_000_000 });
}

describe('reading on demand', () => {
  it('takes nobody for lost whom it has left itself', async () => {
    let [isWanted, reads, lost] = [true, 0, 0];
    const loop = new DemandLoop({
      isWanted: () => isWanted,
      // As a subscriber that was closed by the signal ends: without an error.
      read: (signal) => {
        reads += 1;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
      onLost: () => (lost += 1),
      onRest: () => undefined,
      onFailure: () => undefined,
    });
    loop.changed();
    isWanted = false;
    loop.changed();
    // Somebody comes before the end of the reading has been noticed.
    isWanted = true;
    loop.changed();
    await until(() => reads === 2);
    await loop.close();
    assert.equal(lost, 0);
  });
});

/** The times in a NUT stream. */
function nutTimes(bytes: Uint8Array): readonly number[] {
  const times: number[] = [];
  const demuxer = new NutDemuxer({
    streams: () => undefined,
    frame: ({ byteLength }) => new Uint8Array(byteLength),
    whole: ({ pts }) => times.push(pts),
  });
  for (let at = 0; at < bytes.length;) {
    const part = bytes.subarray(at, at + demuxer.next().length);
    demuxer.next().set(part);
    demuxer.advance(part.length);
    at += part.length;
  }
  return times;
}

describe('a tap', () => {
  it('leaves pictures of a time below 0 out of NUT, which has none', async (test) => {
    const setting = new Setting(test);
    await setting.open({ as: 'nut' });
    const publisher = await setting.publisher(SMALL);
    const client = await setting.client();
    await until(() => setting.tap.stats().reading);
    for (const [index, ptsNs] of [-80_000_000, -40_000_000, 0].entries()) {
      using loan = publisher.tryLoan();
      loan!.publish({ ptsNs });
      await until(() => publisher.subscribers[0]?.received === index + 1);
    }
    await publisher.close();
    await until(() => client.ended);
    assert.deepEqual(nutTimes(client.bytes), [0]);
  });

  it('has hundreds of clients where it may, and no more', async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(SMALL);
    const tap = await setting.open({ maxClients: 200 });
    const clients: Client[] = [];
    for (let count = 0; count < 200; count += 1) clients.push(await setting.client());
    const last = new Client(setting.path);
    test.after(() => last.socket.destroy());
    await until(() => tap.stats().refused === 1);
    await until(() => publisher.subscribers.length === 1);
    show(publisher, 7);
    await until(() => clients.every(({ bytes }) => bytes.length === SMALL_BYTES));
  });

  it('subscribes only while somebody is there', async (test) => {
    const setting = new Setting(test);
    const tap = await setting.open();
    const publisher = await setting.publisher(SMALL);
    assert.equal(tap.stats().reading, false);
    const client = await setting.client();
    await until(() => publisher.subscribers.length === 1);
    client.socket.destroy();
    await until(() => publisher.subscribers.length === 0);
  });

  it('gives each client the newest picture, and what comes after it', async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(SMALL);
    await setting.open();
    show(publisher, 1);
    const first = await setting.client();
    await until(() => first.bytes.length === SMALL_BYTES);
    const second = await setting.client();
    await until(() => second.bytes.length === SMALL_BYTES);
    show(publisher, 2);
    await until(() => second.bytes.length === 2 * SMALL_BYTES);
    await until(() => first.bytes.length === 2 * SMALL_BYTES);
    assert.deepEqual(first.pictures(SMALL_BYTES), [1, 2]);
    assert.deepEqual(second.pictures(SMALL_BYTES), [1, 2]);
  });

  it('lets a slow client pass pictures over, whole, and holds nobody up for it', async (test) => {
    const setting = new Setting(test);
    // The tap holds one slot and awaits another: with four, one that is kept too long would stop the publisher.
    const publisher = await setting.publisher(LARGE, 4);
    const tap = await setting.open();
    const slow = await setting.client(false);
    const quick = await setting.client();
    await until(() => publisher.subscribers.length === 1);
    for (let value = 1; value <= 20; value++) {
      show(publisher, value);
      await until(() => quick.bytes.length === value * LARGE_BYTES);
    }
    assert.deepEqual(quick.pictures(LARGE_BYTES).at(-1), 20);
    assert.equal(publisher.stats().dropped, 0);
    slow.socket.resume();
    // It was in the middle of the first; then comes what is shown when it has that.
    await until(() => slow.bytes.length === 2 * LARGE_BYTES);
    for (const [index, value] of [1, 20].entries()) {
      const picture = slow.bytes.subarray(index * LARGE_BYTES, (index + 1) * LARGE_BYTES);
      assert.ok(picture.equals(Buffer.alloc(LARGE_BYTES, value)), `picture ${index} is ${value}`);
    }
    assert.equal(tap.stats().framesSkipped, 18);
  });

  it('gives slots back although a client reads nothing, also where one frame at a time is all it may have', async (test) => {
    for (const slots of [4, 3]) {
      const setting = new Setting(test);
      const publisher = await setting.publisher(LARGE, slots);
      await setting.open();
      await setting.client(false);
      const quick = await setting.client();
      await until(() => publisher.subscribers.length === 1);
      for (let value = 1; value <= 10; value++) {
        show(publisher, value);
        await until(() => quick.bytes.length === value * LARGE_BYTES);
      }
      assert.equal(publisher.subscribers[0]?.leases, slots - 2);
      assert.equal(publisher.stats().dropped, 0);
    }
  });

  it('ends with what is wrong when the channel has no slot for it', async (test) => {
    const setting = new Setting(test);
    await setting.publisher(SMALL, 2);
    const tap = await setting.open();
    const client = await setting.client();
    const { reason, error } = await tap.closed;
    assert.equal(reason, 'failed');
    assert.equal(error?.code, 'LEASES_EXHAUSTED');
    await until(() => client.ended);
  });

  it('ends its clients behind the last picture, and waits for the next publisher', async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(LARGE);
    await setting.open();
    const client = await setting.client(false);
    await until(() => publisher.subscribers.length === 1);
    show(publisher, 7);
    await until(() => setting.tap.stats().framesSent === 1);
    await publisher.close();
    client.socket.resume();
    await until(() => client.ended);
    assert.equal(client.bytes.length, LARGE_BYTES);
    assert.ok(client.bytes.equals(Buffer.alloc(LARGE_BYTES, 7)));
    const next = await setting.publisher(LARGE);
    show(next, 8);
    const later = await setting.client();
    await until(() => later.bytes.length === LARGE_BYTES);
    assert.equal(later.bytes[0], 8);
  });

  it("goes on with the last picture when told to 'hold'", async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(SMALL);
    await setting.open({ whenLost: 'hold', framesPerSecond: 50 });
    const client = await setting.client();
    await until(() => publisher.subscribers.length === 1);
    show(publisher, 5);
    await until(() => client.bytes.length === SMALL_BYTES);
    await publisher.close();
    await until(() => client.bytes.length >= 4 * SMALL_BYTES);
    assert.ok(setting.tap.stats().framesRepeated >= 3);
    const next = await setting.publisher(SMALL);
    await until(() => next.subscribers.length === 1);
    show(next, 6);
    await until(() => client.pictures(SMALL_BYTES).includes(6));
    assert.deepEqual([...new Set(client.pictures(SMALL_BYTES))], [5, 6]);
    assert.equal(client.ended, false);
  });

  it('keeps the size of the first picture over a change of format', async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(SMALL);
    await setting.open();
    const client = await setting.client();
    await until(() => publisher.subscribers.length === 1);
    show(publisher, 9);
    await until(() => client.bytes.length === SMALL_BYTES);
    await publisher.setFormat(video({ width: 256, height: 8, pixelFormat: 'gray8' }));
    show(publisher, 33);
    await until(() => client.bytes.length === 2 * SMALL_BYTES);
    assert.deepEqual(client.pictures(SMALL_BYTES), [9, 33]);
  });

  it('scales, and takes out the padding of rows', async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(
      video({ width: 100, height: 50, pixelFormat: 'nv12' }),
    );
    await setting.open({ as: 'y4m', size: { width: 50, height: 25 }, framesPerSecond: 5 });
    const client = await setting.client();
    await until(() => publisher.subscribers.length === 1);
    show(publisher, 100);
    const header = 'YUV4MPEG2 W50 H25 F5:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\nFRAME\n';
    const pixels = 50 * 25 + 2 * 25 * 13;
    await until(() => client.bytes.length === header.length + pixels);
    assert.equal(client.bytes.subarray(0, header.length).toString(), header);
    assert.ok(client.bytes.subarray(header.length).equals(Buffer.alloc(pixels, 100)));
  });

  it('takes so many pictures a second, by their times', async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(SMALL);
    const tap = await setting.open({ framesPerSecond: 12.5 });
    const client = await setting.client();
    await until(() => publisher.subscribers.length === 1);
    for (let value = 1; value <= 7; value++) {
      show(publisher, value);
      await until(() => publisher.subscribers[0]?.lastSequence === value);
      await until(() => tap.stats().waitingBytes === 0);
    }
    await until(() => client.bytes.length === 4 * SMALL_BYTES);
    assert.deepEqual(client.pictures(SMALL_BYTES), [1, 2, 4, 6]);
  });
});

describe('the socket of a tap', () => {
  it('is its user’s alone, and goes with it', async (test) => {
    const setting = new Setting(test);
    const tap = await setting.open();
    assert.equal(statSync(setting.path).mode & 0o777, 0o600);
    assert.equal(tap.url, `unix:${setting.path}`);
    await tap.close();
    assert.equal(existsSync(setting.path), false);
  });

  it('takes the place of one that a dead tap left, and of nothing else', async (test) => {
    const setting = new Setting(test);
    await setting.open();
    await assert.rejects(setting.open(), { code: 'CHANNEL_IN_USE' });
    await setting.tap.close();
    writeFileSync(setting.path, 'a file of somebody');
    await assert.rejects(setting.open(), { code: 'SYSTEM' });
  });

  it('turns clients away when there are too many', async (test) => {
    const setting = new Setting(test);
    const tap = await setting.open({ maxClients: 1 });
    await setting.client();
    const second = new Client(setting.path);
    await until(() => second.ended);
    assert.equal(tap.stats().refused, 1);
  });

  it('is not held up by a client that talks', async (test) => {
    const setting = new Setting(test);
    const publisher = await setting.publisher(SMALL);
    await setting.open();
    const client = await setting.client();
    client.socket.write(Buffer.alloc(1 << 20, 0x55));
    await until(() => publisher.subscribers.length === 1);
    show(publisher, 3);
    await until(() => client.bytes.length === SMALL_BYTES);
  });

  it('may be a port of this machine, and no other’s', async (test) => {
    const setting = new Setting(test);
    await assert.rejects(setting.open({ tcp: '0.0.0.0:0' }), TypeError);
    const { directory } = setting.bench;
    const options = { as: 'raw', directory } as const;
    await assert.rejects(openTap('clip', { ...options, tcp: '0.0.0.0:0' }), RangeError);
    const tap = setting.bench.own(await openTap('clip', { ...options, tcp: 'localhost:0' }));
    const publisher = await setting.publisher(SMALL);
    show(publisher, 4);
    const { hostname, port } = new URL(tap.url);
    const socket = connect(Number(port), hostname);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    assert.equal(bytes[0], 4);
    socket.destroy();
  });

  it('names the port that is in use', async (test) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    test.after(() => server.close());
    const { port } = server.address() as { port: number };
    const { directory } = new Setting(test).bench;
    const opening = openTap('clip', { as: 'raw', tcp: `127.0.0.1:${port}`, directory });
    await assert.rejects(opening, { code: 'SYSTEM', message: new RegExp(`${port}.*EADDRINUSE`) });
  });
});

describe('what a tap cannot be opened with', () => {
  for (const [what, options] of Object.entries({
    'no place': { as: 'raw' },
    'two places': { as: 'raw', socket: 'a', tcp: '127.0.0.1:1' },
    'an unknown format': { as: 'avi', socket: 'a' },
    'a size for packets': { as: 'h264', socket: 'a', size: { width: 2, height: 2 } },
    'a rate of 0': { as: 'raw', socket: 'a', framesPerSecond: 0 },
    'an unknown option': { as: 'raw', socket: 'a', rate: 5 },
    'users of a port': { as: 'raw', tcp: '127.0.0.1:1', allow: { uids: [1] } },
  })) {
    it(what, async () => {
      await assert.rejects(openTap('clip', options as never), /TypeError|RangeError/);
    });
  }
});
