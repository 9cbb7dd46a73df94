import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bytes, openSubscriber } from '../../src/index.js';
import { parseSize, TERMINAL_MEDIA_TYPE, TERMINAL_TYPE } from '../../src/terminal/stream/index.js';
import { AgentStage } from './agent-stage.js';

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
    assert.equal(await stage.agents('screen', 'brief', '--ansi'), '\u001b[31mred\u001b[m\n');
    assert.equal(await stage.agents('log', 'brief'), '\u001b[31mred\u001b[0m\r\n');
    assert.equal(await stage.agents('log', 'brief', '--from', '5'), 'red\u001b[0m\r\n');
  });

  it('queues who needs the user: what is done, then who waits before it', async () => {
    assert.equal(await stage.agents('next'), 'brief\n');
    await stage.agents('send', 'shell', 'printf "\\033]9;look\\a"', '--enter');
    await stage.until('shell', ({ attention }) => attention.state === 'waits');
    assert.equal(await stage.agents('next'), 'shell\n');
    const { attention } = await stage.info('shell');
    assert.deepEqual([attention.text, attention.source], ['look', 'signal']);
    assert.equal(await stage.agents('next', '--after', 'shell'), 'brief\n');
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
    await stage.agents('send', 'shell', '--enter');
    assert.equal((await stage.info('shell')).attention.state, 'working');
  });

  it('has names that are taken, commands that are not there, and exit codes that say so', async () => {
    const taken = await stage.run('new', '--name', 'shell', '--', 'true');
    assert.equal(taken.code, 1);
    assert.match(taken.err, /runs an agent shell[^]*CHANNEL_IN_USE/);
    const absent = await stage.run('new', '--', 'no-such-program');
    assert.equal(absent.code, 2);
    assert.match(absent.err, /no program "no-such-program" on the PATH/);
    for (const words of [
      ['screen', 'nobody'],
      ['ls', '--session', 'other'],
      ['log', 'nobody'],
    ]) {
      const { code, err } = await stage.run(...words);
      assert.equal(code, 3, words.join(' '));
      assert.match(err, /SESSION_NOT_FOUND/);
    }
    for (const words of [
      ['new'],
      ['stop'],
      ['send', 'shell'],
      ['report'],
      ['new', '--', 'true', '---'],
    ]) {
      assert.equal((await stage.run(...words)).code, 2, words.join(' '));
    }
  });

  it('shows agents of other processes, by their channels', async () => {
    const other = await stage.stage.publish('agent/elsewhere');
    other.write('first line\nsecond line\n');
    await stage.shows('elsewhere', /^first line\nsecond line$/m);
    assert.equal((await stage.info('elsewhere')).status, 'foreign');
    const sent = await stage.run('send', 'elsewhere', 'x');
    assert.equal(sent.code, 1);
    assert.equal((await stage.run('stop', 'elsewhere')).code, 1);
    other.signal('SIGTERM');
    await stage.until('elsewhere', ({ status }) => status === 'lost');
  });

  it('publishes what its agents write as a channel', async () => {
    const reader = await openSubscriber('agent/shell', {
      format: bytes(TERMINAL_MEDIA_TYPE),
      directory: stage.directory,
      whenMissing: 'fail',
    });
    const sent = stage.agents('send', 'shell', 'echo over the channel', '--enter');
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
    assert.equal(await stage.agents('stop', 'deaf', '--kill-after', '0.2'), 'deaf  SIGKILL\n');
    assert.equal(await stage.agents('stop', 'shell'), 'shell  SIGHUP\n');
    assert.equal(await stage.agents('stop', '--all'), 'brief  ended 3\n');
    const { code } = await stage.run('ls', '--session', 'main');
    assert.equal(code, 3, 'with its last agent the session ends');
    assert.equal(await stage.agents('log', 'brief'), '\u001b[31mred\u001b[0m\r\n', 'logs stay');
  });
});
