import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { bytes, openSubscriber } from '../../src/index.js';
import { parseSize, TERMINAL_MEDIA_TYPE, TERMINAL_TYPE } from '../../src/terminal/stream/index.js';
import { AgentStage, isAlive, pause } from './agent-stage.js';

const PYTHON = fileURLToPath(new URL('../../../python', import.meta.url));

const NOT_FOUND = [
  ['screen', 'nobody'],
  ['ls', '--session', 'other'],
  ['log', 'nobody'],
];
const MISTAKES = [['new'], ['stop'], ['send', 'shell'], ['report'], ['new', '--', 'true', '---']];

describe('sluice agents', () => {
  const stage = new AgentStage();
  before(async () => {
    const words = [
      'bash',
      '--norc',
      '-i',
      '---',
      'sh',
      '-c',
      'printf "\\033[31mred\\033[0m\\n"; exit 3',
    ];
    await stage.agents('new', '--name', 'shell', '--name', 'brief', '--', ...words);
  });
  after(() => stage.close());

  it('types into an agent, shows its screen, and tells its channel and its session', async () => {
    await stage.agents('send', 'shell', 'echo "<$SLUICE_CHANNEL $TERM>"; stty size', '--enter');
    const screen = await stage.shows('shell', /<agent\/shell xterm-256color>\n24 80/);
    assert.doesNotMatch(screen, /\u001b/);
    const { status, pid, log } = await stage.info('shell');
    assert.equal(status, 'running');
    assert.ok(pid !== undefined && log.sequence > 0);
  });

  it('types keys', async () => {
    await stage.agents('send', 'shell', 'echo ab', '--key', 'Left', '--key', 'x', '--key', 'Enter');
    await stage.shows('shell', /^axb$/m);
  });

  it('keeps what ended: its exit code, screen and log', async () => {
    const info = await stage.until('brief', ({ status }) => status === 'ended');
    assert.equal(info.exitCode, 3);
    assert.deepEqual(info.attention.source, 'exit');
    const shown = await stage.runAll(
      ['screen', 'brief', '--ansi'],
      ['log', 'brief'],
      ['log', 'brief', '--from', '5'],
    );
    assert.deepEqual(shown, [
      { code: 0, out: '\u001b[31mred\u001b[m\n', err: '' },
      { code: 0, out: '\u001b[31mred\u001b[0m\r\n', err: '' },
      { code: 0, out: 'red\u001b[0m\r\n', err: '' },
    ]);
  });

  it('queues who needs the user: what is done, then who waits before it', async () => {
    assert.equal(await stage.agents('next'), 'brief\n');
    await stage.ask('send', { name: 'shell', text: 'printf "\\033]9;look\\a"', enter: true });
    await stage.until('shell', ({ attention }) => attention.state === 'waits');
    const [first, afterShell] = await stage.runAll(['next'], ['next', '--after', 'shell']);
    assert.deepEqual([first?.out, afterShell?.out], ['shell\n', 'brief\n']);
    const { attention } = await stage.info('shell');
    assert.deepEqual([attention.text, attention.source], ['look', 'signal']);
  });

  it('hears of hooks, which print nothing and never forbid', async () => {
    const { directory } = stage;
    const env = {
      SLUICE_AGENTS: join(directory, 'agents~main.sock'),
      SLUICE_CHANNEL: 'agent/shell',
    };
    const event = {
      hook_event_name: 'PermissionRequest',
      tool_name: 'Bash',
      tool_input: { command: 'ls' },
    };
    const words = ['agents', 'report', '--hook', 'claude'];
    const heard = await stage.stage.run(words, JSON.stringify(event), env);
    assert.deepEqual([heard.code, heard.out], [0, '']);
    const { attention } = await stage.info('shell');
    assert.deepEqual(
      [attention.state, attention.text, attention.source],
      ['waits', 'Allow Bash: ls?', 'hook'],
    );
    const alone = await stage.stage.run(words, JSON.stringify(event), {});
    assert.deepEqual([alone.code, alone.out, alone.err], [0, '', '']);
    const gone = await stage.stage.run(words, JSON.stringify(event), {
      ...env,
      SLUICE_AGENTS: '/nowhere/x.sock',
    });
    assert.deepEqual([gone.code, gone.out], [1, '']);
    await stage.ask('send', { name: 'shell', enter: true });
    assert.equal((await stage.info('shell')).attention.state, 'working');
  });

  it('has names that are taken, commands that are not there, and exit codes that say so', async () => {
    const [taken, absent, ...rest] = await stage.runAll(
      ['new', '--name', 'shell', '--', 'true'],
      ['new', '--', 'no-such-program'],
      ...NOT_FOUND,
      ...MISTAKES,
    );
    assert.equal(taken?.code, 1);
    assert.match(taken.err, /runs an agent shell[^]*CHANNEL_IN_USE/);
    assert.equal(absent?.code, 2);
    assert.match(absent.err, /no program "no-such-program" on the PATH/);
    for (const [index, words] of NOT_FOUND.entries()) {
      assert.equal(rest[index]?.code, 3, words.join(' '));
      assert.match(rest[index].err, /SESSION_NOT_FOUND/);
    }
    for (const [index, words] of MISTAKES.entries()) {
      assert.equal(rest[NOT_FOUND.length + index]?.code, 2, words.join(' '));
    }
  });

  it('shows agents of other processes, by their channels', async () => {
    const other = await stage.stage.publish('agent/elsewhere');
    other.write('first line\nsecond line\n');
    await stage.shows('elsewhere', /^first line\nsecond line$/m);
    assert.equal((await stage.info('elsewhere')).status, 'foreign');
    const refused = await stage.runAll(['send', 'elsewhere', 'x'], ['stop', 'elsewhere']);
    assert.deepEqual(
      refused.map(({ code }) => code),
      [1, 1],
    );
    other.signal('SIGTERM');
    await stage.until('elsewhere', ({ status }) => status === 'lost');
  });

  it('shows agents that publish from Python', async (t) => {
    const program = [
      'import sluice, sys',
      'publisher = sluice.open_publisher("agent/py", sluice.text())',
      'publisher.send("from Python")',
      'sys.stdin.read()',
    ].join('\n');
    const { env } = process;
    const python = spawn('python3', ['-c', program], {
      env: { ...env, PYTHONPATH: PYTHON, SLUICE_DIR: stage.directory },
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    t.after(() => python.kill('SIGKILL'));
    try {
      await once(python, 'spawn');
    } catch {
      return t.skip('there is no python3');
    }
    await stage.shows('py', /^from Python$/m);
    python.stdin.end();
    await stage.until('py', ({ status }) => status === 'lost');
    return undefined;
  });

  it('publishes what its agents write as a channel', async () => {
    const reader = await openSubscriber('agent/shell', {
      format: bytes(TERMINAL_MEDIA_TYPE),
      directory: stage.directory,
      whenMissing: 'fail',
    });
    const sent = stage.ask('send', { name: 'shell', text: 'echo over the channel', enter: true });
    const types = new Set<number>();
    let output = '';
    for await (const { type, value } of reader) {
      types.add(type);
      if (type === TERMINAL_TYPE.size)
        assert.deepEqual(parseSize(value), { columns: 80, rows: 24 });
      if (type === TERMINAL_TYPE.output) output += Buffer.from(value).toString();
      if (/[\r\n]over the channel\r\n/.test(output) && types.has(TERMINAL_TYPE.size)) break;
    }
    await reader.close();
    await sent;
  });

  it('ends agents by asking, and by killing who does not listen', async () => {
    const stubborn = 'trap "" HUP TERM; echo ready; while :; do sleep 0.05; done';
    await stage.agents('new', '--name', 'deaf', '--', 'sh', '-c', stubborn);
    await stage.shows('deaf', /ready/);
    const { pid } = await stage.host();
    const stopped = await stage.runAll(
      ['stop', 'deaf', '--kill-after', '0.2'],
      ['stop', 'shell'],
      ['stop', '--all'],
    );
    assert.deepEqual(
      stopped.map(({ out }) => out),
      ['deaf  SIGKILL\n', 'shell  SIGHUP\n', 'brief  ended 3\n'],
    );
    while (isAlive(pid)) await pause();
    const [ls, log] = await stage.runAll(['ls', '--session', 'main'], ['log', 'brief']);
    assert.equal(ls?.code, 3, 'with its last agent the session ends');
    assert.equal(log?.out, '\u001b[31mred\u001b[0m\r\n', 'logs stay');
  });
});
