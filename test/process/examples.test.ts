import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cudaProblem, nvrtcVersion } from '../../src/gpu/index.js';
import { ExampleProgram } from './example-program.js';

const examplesFolder = fileURLToPath(new URL('../../../examples', import.meta.url));
const started = new Set<string>();
let running: ExampleProgram[] = [];
let directory = '';

function start(name: string, ...words: string[]): ExampleProgram {
  const program = new ExampleProgram(name, words, directory);
  started.add(name);
  running.push(program);
  // Without its publisher a subscriber would wait for ever: one failure ends the test, with the reason.
  program.failed.catch(async (error: unknown) => {
    console.error(error);
    await Promise.all(running.map((other) => other.kill()));
  });
  return program;
}

async function startPublisher(name: string): Promise<ExampleProgram> {
  const program = start(name);
  await program.line(/^publishing /);
  return program;
}

/** The numbers that a pattern captures, line by line. */
function numbersIn(lines: readonly string[], pattern: RegExp): number[][] {
  return lines.flatMap((line) => {
    const match = pattern.exec(line);
    return match === null ? [] : [match.slice(1).map(Number)];
  });
}

/** Where publish-frames.ts draws the bar of a picture. */
function barOf(sequence: number): number {
  return ((sequence - 1) * 8) % (640 - 32);
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-examples-'));
});

afterEach(async () => {
  await Promise.all(running.map((program) => program.kill()));
  running = [];
  rmSync(directory, { recursive: true });
});

describe('examples of frames', () => {
  it('look at the newest picture, in place', async () => {
    const camera = await startPublisher('publish-frames');
    const lines = await start('subscribe-latest').end();
    await camera.interrupt();
    const frames = numbersIn(lines, /^frame (\d+): bar at (\d+), (\d+) skipped/);
    assert.equal(frames.length, 10);
    for (const [sequence = 0, bar] of frames) assert.equal(bar, barOf(sequence));
    for (let i = 1; i < frames.length; i++) {
      const [sequence = 0, , skipped = 0] = frames[i] ?? [];
      assert.equal(sequence, (frames[i - 1]?.[0] ?? 0) + skipped + 1);
    }
    const kept = numbersIn(lines, /^the bar of frame (\d+) is still at (\d+)$/);
    assert.deepEqual(kept, [[frames[0]?.[0], frames[0]?.[1]]]);
    assert.match(lines.at(-1) ?? '', /^received 10, skipped \d+, lost 0, copied 0 bytes$/);
    assert.match(camera.lines.at(-1) ?? '', /^published \d+, dropped 0$/);
  });

  it('archive every picture', async () => {
    const pictures = 20;
    const path = join(directory, 'door.y4m');
    await startPublisher('publish-frames');
    const lines = await start('archive-every-frame', path, String(pictures)).end();
    assert.deepEqual(lines, [`${pictures} pictures in ${path}, 0 lost`]);
    const file = readFileSync(path);
    const headerBytes = file.indexOf('\n') + 1;
    const pictureBytes = 'FRAME\n'.length + (640 * 360 * 3) / 2;
    assert.equal(
      file.subarray(0, headerBytes).toString(),
      'YUV4MPEG2 W640 H360 F25:1 Ip C420jpeg\n',
    );
    assert.equal(file.length, headerBytes + pictures * pictureBytes);
    const bars = Array.from({ length: pictures }, (_, index) => {
      const picture = file.subarray(headerBytes + index * pictureBytes);
      assert.equal(picture.subarray(0, 6).toString(), 'FRAME\n');
      return picture.subarray(6).indexOf(235);
    });
    const firstSequence = (bars[0] ?? 0) / 8 + 1;
    assert.deepEqual(
      bars,
      bars.map((_, index) => barOf(firstSequence + index)),
    );
  });

  it('split a channel over workers', async () => {
    await startPublisher('publish-frames');
    const members = [start('share-work', '0', '2'), start('share-work', '1', '2')];
    for (const [index, member] of members.entries()) {
      const sequences = numbersIn(await member.end(), /^picture (\d+)$/).flat();
      assert.equal(sequences.length, 10);
      const first = sequences[0] ?? 0;
      assert.equal(first % 2, index);
      assert.deepEqual(
        sequences,
        sequences.map((_, i) => first + i * 2),
      );
    }
  });

  it('pass tensors of any shape up to a bound', async () => {
    const model = await startPublisher('publish-tensors');
    const lines = await start('read-tensors').end();
    await model.interrupt();
    const pattern = /^frame (\d+): ids \[(\d+), (\d+)\], last token (\d+), first score ([\d.]+)$/;
    const frames = numbersIn(lines, pattern);
    assert.equal(frames.length, 10);
    for (const [sequence = 0, ...found] of frames) {
      const step = sequence - 1;
      const shape = [1 + (step % 8), 1 + (step % 64)] as const;
      const lastToken = step * 1000 + shape[0] * shape[1] - 1;
      assert.deepEqual(found, [...shape, lastToken, Number((step / 100).toFixed(2))]);
    }
  });

  it('go over to another format', async () => {
    const camera = await startPublisher('change-format');
    const lines = await start('follow-format').end();
    await camera.interrupt();
    const epochs = numbersIn(lines, /^epoch (\d+) from frame \d+ on: (\d+)x(\d+)$/);
    const first = epochs[0]?.[0] ?? 0;
    const sizes = [
      [640, 360],
      [1280, 720],
    ] as const;
    assert.deepEqual(
      epochs,
      [0, 1, 2].map((i) => [first + i, ...sizes[(first + i + 1) % 2]!]),
    );
    assert.equal(lines.at(-1), 'lost 0');
  });
});

describe('examples of messages', () => {
  it('publish what was found in pictures, checked by a schema', async () => {
    const camera = await startPublisher('publish-frames');
    const detector = await startPublisher('detect-boxes');
    const lines = await start('read-boxes').end();
    await detector.interrupt();
    await camera.interrupt();
    const pattern = /^message (\d+): bar at (\d+) in picture \d+ of (\d+) ns$/;
    const messages = numbersIn(lines, pattern);
    assert.equal(messages.length, 10);
    for (const [index, [sequence = 0, bar, ptsNs = 0]] of messages.entries()) {
      assert.equal(sequence, (messages[0]?.[0] ?? 0) + index);
      assert.equal(bar, barOf(ptsNs / 40e6 + 1));
    }
  });

  it('read many channels as one', async () => {
    const follower = start('follow-agents');
    await follower.line(/^following /);
    const agents = [start('publish-lines', 'one'), start('publish-lines', 'two')];
    for (const agent of agents) agent.feed('a\nb\n');
    await Promise.all(agents.map((agent) => agent.end()));
    await follower.line(/^agent\/one: b$/);
    await follower.line(/^agent\/two: b$/);
    const lines = await follower.interrupt();
    for (const name of ['one', 'two']) {
      const own = lines.filter((line) => line.startsWith(`agent/${name}: `));
      assert.deepEqual(own, [`agent/${name}: a`, `agent/${name}: b`]);
    }
  });

  it('run a program in a terminal, and keep its screen', async () => {
    const watcher = start('watch-screen', 'shown');
    const script = 'printf "\\033[31mover\\rover and\\033[1;12Hout"; tput cols; seq 5000; exit 3';
    const program = start('run-program', 'shown', 'sh', '-c', script);
    const lines = await watcher.end();
    await program.end();
    assert.equal(lines[0], 'agent/shown ended: 3');
    assert.deepEqual(lines.slice(-3), ['4998', '4999', '5000']);
    assert.equal(lines.length, 1 + 23, 'a screen of 24 rows, the last one empty');
  });

  it('have a second publisher take over', async () => {
    const reader = start('follow-status');
    const owner = start('hot-standby');
    await owner.line(/ publishes$/);
    await reader.line(new RegExp(`^connected to ${owner.pid}$`));
    const standby = start('hot-standby');
    await standby.line(/ stands by$/);
    await owner.kill();
    await reader.line(/^lost: /);
    await reader.line(new RegExp(`^connected to ${standby.pid}$`));
    await reader.line(new RegExp(`Z from ${standby.pid}$`));
    assert.equal((await reader.interrupt()).at(-1), 'ended: closed, reconnected 1 times');
    await standby.interrupt();
  });

  it('pass messages between worker threads', async () => {
    const sum = 'a worker summed up to 5000050000';
    assert.deepEqual(await start('worker-ring').end(), [sum, sum]);
  });
});

describe('examples of GPUs', () => {
  const skip =
    cudaProblem()?.message ?? (nvrtcVersion() === undefined ? 'NVRTC is not installed' : false);
  for (const name of ['gpu-pipeline', 'gpu-messages', 'gpu-and-processor']) started.add(name);

  it('pass pictures from kernel to kernel, and one copy to a processor', { skip }, async () => {
    const lines = await start('gpu-pipeline').end();
    const [looked, filter] = lines;
    const pictureBytes = 1920 * 1080;
    assert.equal(
      looked,
      `50 pictures looked at, 0 pixels wrong, ${50 * pictureBytes} bytes copied`,
    );
    assert.match(filter ?? '', /^the filter read \d+ pictures in place and copied 0 bytes$/);
  });

  it('write messages by kernels', { skip }, async () => {
    const lines = await start('gpu-messages').end();
    const said = lines.filter((line) => /^\d+: /.test(line));
    assert.deepEqual(said, [
      '1: agent 00 does step 000',
      '2: \x1b[36magent 01 does step 000\x1b[0m',
      '6401: agent 00 does step 099',
      '6402: \x1b[36magent 01 does step 099\x1b[0m',
    ]);
    assert.ok(lines.includes('6402 messages in 101 batches, 2 in the last, 0 cut'));
    assert.ok(lines.includes('6402 lines read, 0 lost'));
  });

  it('share frames between processor and GPU', { skip }, async () => {
    const lines = await start('gpu-and-processor').end();
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('cuda:')),
      [
        'results from 5 to 1048580, in host memory',
        '0 bytes copied',
        'doubled from 0 to 2097150, in cuda:0 memory',
        `${4 * 2 ** 20} bytes copied`,
      ],
    );
  });
});

describe('other examples', () => {
  it('list and follow channels', async () => {
    const camera = await startPublisher('publish-frames');
    const watcher = start('look-around');
    await watcher.line(/^announced camera\/door, epoch 1$/);
    await camera.interrupt();
    await watcher.line(/^retired camera\/door, epoch 1$/);
    const [listed] = await watcher.interrupt();
    assert.equal(listed, `camera/door: i420 640x360 in host memory, pid ${camera.pid}`);
  });

  it('do without TypeScript and using', async () => {
    const lines = await start('plain-javascript.mjs').end();
    assert.deepEqual(lines, ['position 1, 2, 3', 'CHANNEL_IN_USE']);
  });

  it('are all run by these tests', () => {
    const programs = readdirSync(examplesFolder)
      .filter((name) => /\.(?:ts|mjs)$/.test(name) && name !== 'box-schema.ts')
      .map((name) => name.replace(/\.ts$/, ''));
    assert.deepEqual(
      programs.filter((name) => !started.has(name)),
      [],
    );
  });
});
