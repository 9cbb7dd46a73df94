import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { CLI, type Running, Stage } from './cli-program.js';

/** Numbers that differ from run to run, and the width that they take. */
function masked(text: string): string {
  return text
    .replace(/\d+(?:\.\d+)?[kMG]?(?=\/s)/g, 'N')
    .replace(/pid \d+/g, 'pid N')
    .replace(/(?:live|idle) \d+ s/g, 'live N s')
    .replace(/(?:live|idle)/g, 'live')
    .replace(/\b\d+ published/g, 'N published')
    .replace(/ +/g, ' ')
    .replace(/ $/gm, '');
}

describe('screens', () => {
  const stage = new Stage();
  let camera: Running;
  let reader: Running;

  before(async () => {
    camera = await stage.publish('camera/door', '--video', 'nv12:64x48', '--label', 'cam\u202e');
    await stage.publish('chat', '--label', 'talker');
    reader = stage.start(['sub', 'camera/door', '--label', 'yolo']);
    await reader.shows(/camera\/door: nv12 64x48/);
    camera.write(new Uint8Array(64 * 48 * 1.5));
    await reader.shows(/#1 /);
  });
  after(() => stage.close());

  it('ls', async () => {
    const { code, out } = await stage.run(['ls']);
    assert.equal(code, 0);
    assert.deepEqual(masked(out).split('\n'), [
      'CHANNEL FORMAT MEMORY RATE SUBS DROP STATE',
      'camera/door nv12 64x48 host N/s 1 0 live',
      'chat text host N/s 0 0 live',
      `2 channels, 2 processes, 1.6 MB host ${stage.directory}`,
      '',
    ]);
  });

  it('ls --json, one object a line, the parser’s way and the short one', async () => {
    const short = await stage.run(['ls', 'camera/*', '--json']);
    const parsed = await stage.run(['ls', `--dir=${stage.directory}`, 'camera/*', '--json']);
    for (const { out, code } of [short, parsed]) {
      assert.equal(code, 0);
      const [line = '', ...rest] = out.trim().split('\n');
      assert.deepEqual(rest, []);
      const { channel, publisher, subscribers } = JSON.parse(line) as {
        channel: string;
        publisher: { published: number };
        subscribers: { label: string }[];
      };
      assert.equal(channel, 'camera/door');
      assert.equal(publisher.published, 1);
      assert.equal(subscribers[0]?.label, 'yolo');
      assert.doesNotMatch(out, /\u202e/);
    }
  });

  it('info', async () => {
    const { code, out } = await stage.run(['info', 'camera/door']);
    assert.equal(code, 0);
    assert.deepEqual(
      masked(out)
        .replace(/yolo \d+/, 'yolo N')
        .replace(/uid \d+/, 'uid N')
        .split('\n'),
      [
        'camera/door live N s epoch 1',
        'format video nv12 64x48, 4.6 kB a frame, bt601 limited (guessed)',
        'memory host, pool of 64 slots x 8.2 kB, 0 held',
        'publisher pid N cam\\u{202e}, uid N',
        'traffic N published, N/s, 4.6 kB, 0 dropped',
        'SUBSCRIBER PID DELIVERY LAG HELD SKIP LOST PATH',
        'yolo N latest 0 0/2 0 0 zero-copy',
        'read it sluice sub camera/door --frames 1',
        '',
      ],
    );
  });

  it('top without a terminal: tables, or one object a sample', async () => {
    const table = await stage.run(['top', '--frames', '1']);
    assert.equal(table.code, 0);
    const lines = masked(table.out).split('\n');
    assert.equal(
      lines[0],
      '2 channels 1 subscriber N B/s read in place N/s copied'.replace('N B', 'N'),
    );
    assert.match(lines[1] ?? '', /^CHANNEL \/ SUBSCRIBER RATE\/S .* IN PLACE\/S COPIED\/S /);
    assert.match(lines[3] ?? '', /^ yolo /);
    const json = await stage.run(['top', 'chat', '--frames', '2', '--json']);
    const samples = json.out.trim().split('\n');
    assert.equal(samples.length, 2);
    const { channels } = JSON.parse(samples[1] ?? '') as { channels: { channel: string }[] };
    assert.deepEqual(
      channels.map(({ channel }) => channel),
      ['chat'],
    );
  });

  it('top on a terminal: a screen that answers keys and is given back', async (context) => {
    try {
      execFileSync('script', ['--version'], { stdio: 'ignore' });
    } catch {
      context.skip('script(1) is not installed');
      return;
    }
    const command = `stty rows 12 cols 100; ${process.execPath} ${CLI} top`;
    const terminal = stage.start(['-qec', command, '/dev/null'], {
      program: ['script'],
      env: { TERM: 'xterm', NO_COLOR: '1', SHELL: '/bin/sh' },
    });
    await terminal.shows(/\u001b\[\?1049h/);
    await terminal.shows(/yolo/);
    terminal.write('s');
    await terminal.shows(/s sort: rate/);
    terminal.write('/chat\r');
    await terminal.shows(/\[filter chat\]/);
    terminal.write('\r');
    await terminal.shows(/publisher {2}pid \d+ talker/);
    terminal.write('q');
    const { code, out } = await terminal.ended;
    assert.equal(code, 0);
    assert.match(out, /\u001b\[\?25h\u001b\[\?1049l$/);
    assert.doesNotMatch(out, /\u001b\[3\dm/);
  });

  it('top on a terminal is interrupted by Ctrl-C', async (context) => {
    try {
      execFileSync('script', ['--version'], { stdio: 'ignore' });
    } catch {
      context.skip('script(1) is not installed');
      return;
    }
    const terminal = stage.start(['-qec', `${process.execPath} ${CLI} top`, '/dev/null'], {
      program: ['script'],
      env: { TERM: 'xterm', SHELL: '/bin/sh' },
    });
    await terminal.shows(/q quit/);
    terminal.write('\u0003');
    const { code, out } = await terminal.ended;
    assert.equal(code, 130);
    assert.match(out, /\u001b\[\?1049l$/);
  });

  it('watch', async () => {
    const watch = stage.start(['watch', 'come/*', '--frames', '2']);
    const json = stage.start(['watch', 'come/*', '--frames', '2', '--json']);
    const come = await stage.publish('come/go');
    await watch.shows(/announced {2}come\/go {2}text, host, epoch 1, sluice pub \(pid \d+\)/);
    await json.shows(/"type":"announced"/);
    come.child.stdin?.end();
    const { code, out } = await watch.ended;
    assert.equal(code, 0);
    assert.match(out, /retired {4}come\/go/);
    const events = (await json.ended).out.trim().split('\n');
    assert.deepEqual(
      events.map((line) => (JSON.parse(line) as { type: string }).type),
      ['announced', 'retired'],
    );
  });

  it('doctor finds the machine fit, a stopped publisher, and the debris of a dead one', async () => {
    const stopped = await stage.publish('stopped');
    stopped.signal('SIGSTOP');
    const dead = await stage.publish('dead');
    dead.signal('SIGKILL');
    await dead.ended;
    const first = await stage.run(['doctor']);
    assert.equal(first.code, 1);
    assert.match(first.out, /ok {4}.*sealed memfd/);
    assert.match(first.out, /ok {4}.*SLUICE_DIR/);
    assert.match(first.out, new RegExp(`kill -CONT ${stopped.child.pid} {3}sluice help NO_ANSWER`));
    assert.match(first.out, /1 failure, .*Debris: 1 dead channel, dead \(sluice doctor --clean\)/);
    stopped.signal('SIGCONT');
    const cleaned = await stage.run(['doctor', '--clean', '--json']);
    assert.equal(cleaned.code, 0, cleaned.out);
    const { removed, debris, failures } = JSON.parse(cleaned.out) as {
      removed: { channel: string }[];
      debris: unknown[];
      failures: number;
    };
    assert.deepEqual([removed[0]?.channel, removed.length, debris, failures], ['dead', 1, [], 0]);
  });

  it('help explains commands and codes', async () => {
    const all = await stage.run(['help']);
    for (const name of ['ls', 'top', 'pub', 'sub', 'demo', 'CHANNEL_IN_USE']) {
      assert.ok(all.out.includes(name), name);
    }
    assert.match((await stage.run(['help', 'sub'])).out, /sluice sub 'agent\/\*' --json/);
    assert.match((await stage.run(['help', 'no_space'])).out, /^NO_SPACE {2}There is not enough/);
    assert.equal((await stage.run(['help', 'nonsense'])).code, 2);
  });
});
