/** `sluice record` and `sluice replay` of a terminal: the file of asciinema, from a channel and back to one. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { bytes, openPublisher, openSubscriber, tensor, text } from '../../src/index.js';
import {
  encodeEnd,
  encodeSize,
  parseEnd,
  parseSize,
  TERMINAL_MEDIA_TYPE,
  TERMINAL_TYPE,
} from '../../src/terminal/stream/index.js';
import { Stage } from './cli-program.js';

describe('an asciicast of an agent', () => {
  const stage = new Stage();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-cast-'));
  after(async () => {
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { directory } = stage;
  const format = bytes(TERMINAL_MEDIA_TYPE);

  /** A terminal that writes, is resized, and ends. */
  async function publish(channel: string) {
    const userData = { kind: 'terminal', columns: 60, rows: 10 };
    const publisher = await openPublisher(channel, { format, directory, userData });
    publisher.trySend(encodeSize({ columns: 60, rows: 10 }), { type: TERMINAL_TYPE.size });
    publisher.trySend(Buffer.from('\u001b[32mé').subarray(0, 6), { type: TERMINAL_TYPE.output });
    publisher.trySend(Buffer.from('é\r\n').subarray(1), { type: TERMINAL_TYPE.output });
    publisher.trySend(encodeSize({ columns: 70, rows: 20 }), { type: TERMINAL_TYPE.size });
    publisher.trySend(Buffer.from('{"state":"waits"}'), { type: TERMINAL_TYPE.attention });
    publisher.trySend(encodeEnd({ exitCode: 3 }), { type: TERMINAL_TYPE.exit });
    return publisher;
  }

  it('has what the terminal showed, and comes back as it was', async () => {
    const file = join(folder, 'one.cast');
    const publisher = await publish('agent/one');
    const recording = stage.start(['record', 'agent/one', file]);
    for await (const { subscribers } of publisher.demand()) if (subscribers > 0) break;
    await publisher.close();
    const { code, err } = await recording.ended;
    assert.equal(code, 0, err);
    const [header, ...events] = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const { version, term, title } = JSON.parse(header!) as Record<string, unknown>;
    assert.deepEqual([version, title], [3, 'agent/one']);
    assert.deepEqual(term, { cols: 60, rows: 10, type: 'xterm-256color' });
    assert.deepEqual(
      events.map((line) => (JSON.parse(line) as unknown[]).slice(1)),
      [
        ['o', '\u001b[32m'],
        ['o', 'é\r\n'],
        ['r', '70x20'],
        ['x', '3'],
      ],
    );
    const words = ['--channel', 'agent/again', '--subscribers', '1', '--speed', 'max'];
    const replay = stage.start(['replay', file, ...words]);
    const reader = await openSubscriber('agent/again', {
      ...{ format, directory, start: 'oldest', whenLost: 'end' },
    });
    let output = '';
    const sizes: unknown[] = [];
    for await (const { type, value } of reader) {
      if (type === TERMINAL_TYPE.output) output += Buffer.from(value).toString();
      else if (type === TERMINAL_TYPE.size) sizes.push(parseSize(value));
      else assert.deepEqual(parseEnd(value), { exitCode: 3 });
    }
    assert.equal(output, '\u001b[32mé\r\n');
    assert.deepEqual(sizes, [
      { columns: 60, rows: 10 },
      { columns: 70, rows: 20 },
    ]);
    assert.equal((await replay.ended).code, 0);
  });

  it('has the lines of an agent that has no terminal', async () => {
    const file = join(folder, 'lines.cast');
    const publisher = await openPublisher('agent/lines', { format: text(), directory });
    const recording = stage.start(['record', 'agent/lines', file]);
    for await (const { subscribers } of publisher.demand()) if (subscribers > 0) break;
    await publisher.send('hello');
    await publisher.close();
    const { code, err } = await recording.ended;
    assert.equal(code, 0, err);
    const [header = '', ...events] = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    assert.match(header, /"cols":80,"rows":24/);
    assert.equal(events.length, 1);
    assert.match(events[0]!, /"o", "\S+hello\S+\\r\\n"\]$/);
    assert.match(err, /agent\/lines: 1 event,/);
  });

  it('is refused where it is none, with the line', async () => {
    const none = join(folder, 'none.cast');
    for (const [content, line] of [
      ['', 1],
      ['garbage\n', 1],
      ['{"version":3,"term":{"cols":80,"rows":24}}\n[1, "o"]\n', 2],
    ] as const) {
      writeFileSync(none, content);
      const { code, err } = await stage.run(['replay', none, '--speed', 'max']);
      assert.equal(code, 1, content);
      assert.match(err, new RegExp(`none\\.cast, line ${line} is no asciicast`));
    }
    const absent = await stage.run(['replay', join(folder, 'absent.cast')]);
    assert.equal(absent.code, 1);
    assert.match(absent.err, /cannot read .*absent\.cast: ENOENT/);
  });

  it('says what cannot be meant, who is not there, and that a disk is full', async () => {
    const file = join(folder, 'x.cast');
    const usage = [
      ['record', 'agent/*', file],
      ['record', 'agent/one', file, '--segment', '5'],
      ['record', 'agent/*', join(folder, '{channel}.cast'), '--layout', 'grid'],
      ['record', 'agent/*', join(folder, '{channel}.mcap')],
      ['replay', file, '--loop'],
      ['replay', 'x.mcap', '--idle-limit', '3'],
    ];
    for (const words of usage) {
      assert.equal((await stage.run(words)).code, 2, words.join(' '));
    }
    assert.equal((await stage.run(['record', 'agent/nobody', file])).code, 3);
    const ofNumbers = { format: tensor('u8', [2]), directory };
    await using numbers = await openPublisher('numbers', ofNumbers);
    const refused = await stage.run(['record', numbers.channel, file]);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /cannot record numbers as a \.cast: it is a tensor channel/);
    const full = join(folder, 'full.cast');
    symlinkSync('/dev/full', full);
    const publisher = await publish('agent/full');
    const { code, err } = await stage.run(['record', 'agent/full', full]);
    assert.equal(code, 1);
    assert.match(err, /no space left \(ENOSPC\)/);
    await publisher.close();
  });
});
