import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { CLI, Stage } from './cli-program.js';

describe('sluice pub and sub', () => {
  const stage = new Stage();
  after(() => stage.close());

  it('carries lines, whichever end starts first', async () => {
    const early = stage.start(['sub', 'chat', '--frames', '2']);
    await early.shows(/waiting for chat/);
    const publisher = await stage.publish('chat', '--subscribers', '1');
    await early.shows(/chat: text/);
    publisher.child.stdin?.end('hello\nworld \u001b[31m中\n');
    const { code, out } = await early.ended;
    assert.equal(code, 0);
    assert.equal(out, 'hello\nworld \\e[31m中\n');
    const ended = await publisher.ended;
    assert.equal(ended.code, 0);
    assert.match(ended.out, /\{"event":"end","channel":"chat","sent":2,.*"dropped":0\}/);
    assert.match(ended.err, /sent 2 messages, .* to 1 subscriber/);
  });

  it('says when nobody listened', async () => {
    const { code, err } = await stage.run(['pub', 'alone'], 'a\nb');
    assert.equal(code, 0);
    assert.match(err, /sent 2 messages.* to 0 subscribers\n.*--subscribers 1/);
  });

  it('carries JSON lines as NDJSON that keeps the value', async () => {
    const publisher = await stage.publish('events', '--json-lines', '--subscribers', '1');
    const values = [{ a: 1, t: '\u202e\u009b' }, null, [true, 'x']];
    const reader = stage.start(['sub', 'events', '--frames', '3', '--json']);
    publisher.child.stdin?.end(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    const { out, code } = await reader.ended;
    assert.equal(code, 0);
    const read = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { channel: string; sequence: number; value: unknown });
    assert.deepEqual(
      read.map(({ value }) => value),
      values,
    );
    assert.doesNotMatch(out, /[\u202e\u009b]/);
    assert.equal(read[0]?.channel, 'events');
  });

  it('refuses a line that is not what it claims, and names it', async () => {
    const json = await stage.run(['pub', 'bad', '--format', 'json'], '{"a":1}\n{oops\n');
    assert.equal(json.code, 1);
    assert.match(json.err, /line 2 of the input is not JSON/);
    const text = await stage.run(['pub', 'bad'], Buffer.from([0x61, 0x0a, 0xff, 0x0a]));
    assert.equal(text.code, 1);
    assert.match(text.err, /line 2 of the input is not UTF-8/);
    const large = await stage.run(['pub', 'bad', '--ring', '4096'], `${'x'.repeat(5000)}\n`);
    assert.equal(large.code, 2);
    assert.match(large.err, /line 1 of the input has more than \d+ bytes/);
  });

  it('carries a file as one message and stores it as it was', async () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 256);
    const [from, to] = [join(stage.directory, 'from.bin'), join(stage.directory, 'to.bin')];
    writeFileSync(from, bytes);
    const reader = stage.start(['sub', 'file', '--frames', '1', '--out', to]);
    await reader.shows(/waiting for file/);
    const sent = await stage.run(['pub', 'file', '--bytes', from, '--subscribers', '1']);
    assert.equal(sent.code, 0, sent.err);
    assert.equal((await reader.ended).code, 0);
    assert.deepEqual(new Uint8Array(readFileSync(to)), bytes);
  });

  for (const [pixels, width, height] of [
    // More than a pipe holds, so that it takes several reads.
    ['nv12', 640, 480],
    ['i420', 50, 33],
    ['rgb24', 17, 5],
  ] as const) {
    it(`carries pictures of ${pixels} ${width}x${height} byte for byte`, async () => {
      const chroma = Math.ceil(width / 2) * Math.ceil(height / 2) * 2;
      const size = pixels === 'rgb24' ? width * height * 3 : width * height + chroma;
      const picture = Uint8Array.from({ length: size }, (_, index) => 1 + (index % 250));
      const channel = `picture/${pixels}`;
      const format = `${pixels}:${width}x${height}`;
      const publisher = await stage.publish(channel, '--video', format, '--subscribers', '1');
      const out = join(stage.directory, `${pixels}.raw`);
      const reader = stage.start(['sub', channel, '--frames', '1', '--out', out]);
      // In pieces that end nowhere in particular, with the beginning of a next picture.
      publisher.write(picture.subarray(0, 1000 % size));
      publisher.write(picture.subarray(1000 % size));
      publisher.child.stdin?.end(picture.subarray(0, 3));
      assert.equal((await reader.ended).code, 0);
      assert.deepEqual(new Uint8Array(readFileSync(out)), picture);
      const ended = await publisher.ended;
      assert.equal(ended.code, 0);
      assert.match(ended.err, /3 of \d+ bytes were left out/);
      assert.match(ended.err, /sent 1 picture/);
    });
  }

  it('reads pictures from a file, and ends after as many as asked for', async () => {
    const path = join(stage.directory, 'many.gray');
    writeFileSync(path, new Uint8Array(64 * 64 * 10));
    const words = ['pub', 'still', '--video', 'gray8:64x64', '--json'];
    const shell = ['/bin/sh', '-c', `exec "$@" < ${path}`, 'sh', process.execPath];
    const all = await stage.start([CLI, ...words], { program: shell }).ended;
    assert.match(all.out, /"sent":10,/);
    const some = await stage.start([CLI, ...words, '--frames', '4'], { program: shell }).ended;
    assert.match(some.out, /"sent":4,/);
    assert.equal(some.code, 0);
  });

  it('follows the channels of a pattern, of whatever format', async () => {
    const group = stage.start(['sub', 'group/*', '--frames', '2']);
    const text = await stage.publish('group/a', '--subscribers', '1');
    const json = await stage.publish('group/b', '--format', 'json', '--subscribers', '1');
    text.child.stdin?.end('one\n');
    json.child.stdin?.end('{"two":2}\n');
    const { code, out } = await group.ended;
    assert.equal(code, 0);
    assert.deepEqual(out.trim().split('\n').sort(), ['group/a: one', 'group/b: {"two":2}']);
  });

  it('starts with what is kept, and ends with the publisher where that is wanted', async () => {
    const publisher = await stage.publish('kept');
    publisher.write('1\n2\n3\n');
    const first = await stage.start(['sub', 'kept', '--from', 'oldest', '--frames', '3']).ended;
    assert.equal(first.out, '1\n2\n3\n');
    const reader = stage.start(['sub', 'kept', '--from', 'oldest', '--no-wait']);
    await reader.shows(/^3$/m);
    publisher.child.stdin?.end();
    const { code, out } = await reader.ended;
    assert.equal(code, 0);
    assert.equal(out, '1\n2\n3\n');
  });

  it('stands by and takes over', async () => {
    const owner = await stage.publish('post');
    const refused = await stage.run(['pub', 'post']);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /sluice help CHANNEL_IN_USE/);
    const standby = stage.start(['pub', 'post', '--wait', '--json', '--label', 'second']);
    owner.signal('SIGKILL');
    await standby.shows(/"event":"open"/);
    const { out } = await stage.run(['info', 'post']);
    assert.match(out, /second/);
  });
});
