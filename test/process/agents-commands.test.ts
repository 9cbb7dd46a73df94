/** Commands of `sluice agents` beside `attach`: what each option of them does. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AgentStage, byteShower, pause } from './agent-stage.js';
import { Desk } from './desk.js';

const MIN_LOG_BYTES = 1 << 20;

function socketsOf(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).filter((fd) => {
    try {
      return readlinkSync(join(directory, fd)).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

describe('commands of agents', () => {
  const stage = new AgentStage();
  before(async () => {
    const ringer = 'read -r line; seq 100; printf "\\007"; exec sleep 1000';
    const titled =
      'printf "\\033]0;title\\007\\033[31mred\\033[m bar 1\\rplain\\n"; exec sleep 1000';
    const words = ['bash', '--norc', '-i', '---', 'sh', '-c', ringer, '---', 'sh', '-c', titled];
    const names = ['shell', 'ringer', 'titled'].flatMap((name) => ['--name', name]);
    await stage.agents('new', ...names, '--', ...words);
  });
  after(() => stage.close());

  it('new starts agents where, with what, and as large as was said', async () => {
    const script = 'echo "<$WHO|$EQUAL|$PWD>"; stty size; exec sleep 1000';
    const options = ['--cwd', '/usr', '--env', 'WHO=me', '--env', 'EQUAL=a=b', '--size', '101x31'];
    await stage.agents('new', '--name', 'made', ...options, '--', 'sh', '-c', script);
    await stage.shows('made', /^<me\|a=b\|\/usr>\n31 101$/m);
    const { directory, columns, rows } = await stage.info('made');
    assert.deepEqual([directory, columns, rows], ['/usr', 101, 31]);
    const wrong = [
      ['--cwd', '/nowhere'],
      ['--env', '=x'],
      ['--size', '0x5'],
      ['--max-log-bytes', `${MIN_LOG_BYTES - 1}`],
    ];
    const refused = await stage.runAll(...wrong.map((words) => ['new', ...words, '--', 'true']));
    for (const [index, { code, err }] of refused.entries()) {
      assert.notEqual(code, 0, wrong[index]?.join(' '));
      assert.notEqual(err, '');
    }
    const names = (await stage.infos()).map(({ name }) => name);
    assert.deepEqual(names, ['shell', 'ringer', 'titled', 'made']);
  });

  it('new --max-log-bytes keeps as much of the log as was said, and says what of it is gone', async () => {
    const lines = 200_000;
    const words = ['sh', '-c', `seq ${lines}; exec sleep 1000`];
    const bound = ['--max-log-bytes', `${MIN_LOG_BYTES}`];
    await stage.agents('new', '--name', 'long', ...bound, '--', ...words);
    const all = Array.from({ length: lines }, (_, index) => `${index + 1}\r\n`).join('');
    // The oldest goes when what follows it is on the disk.
    const isKept = ({
      sequence,
      firstSequence,
    }: {
      sequence: number;
      firstSequence: number;
    }): boolean => sequence === all.length && sequence - firstSequence <= MIN_LOG_BYTES;
    await stage.until('long', ({ log }) => isKept(log));
    const { code, out, err } = await stage.run('log', 'long');
    assert.equal(code, 0);
    assert.ok(out.length > MIN_LOG_BYTES / 2 && out.length <= MIN_LOG_BYTES, `${out.length} bytes`);
    assert.ok(all.endsWith(out), 'the end of it, whole');
    assert.match(err, new RegExp(`^bytes 0 to ${all.length - out.length - 1} are not there`));
  });

  it('next --wait ends when somebody waits, and ls marks a guess as one', async () => {
    const waiting = stage.stage.start(['agents', 'next', '--wait']);
    // Its standard streams are three; the fourth is its connection.
    while (socketsOf(waiting.child.pid ?? 0) < 4) await pause();
    await stage.ask('send', { name: 'ringer', text: 'go', enter: true });
    const { code, out, err } = await waiting.ended;
    assert.deepEqual([code, out], [0, 'ringer\n']);
    assert.match(err, /^waits\? since .*: rang the bell/);
    await stage.ask('report', { name: 'titled', state: 'waits', text: 'Deploy?' });
    const [table, json] = await stage.runAll(['ls'], ['ls', '--json']);
    assert.match(table?.out ?? '', /^AGENT +STATE +FOR +SIZE +WRITTEN +COMMAND +SAYS\n/);
    assert.match(table?.out ?? '', /^ringer +waits\? .* 80x24 .* rang the bell *$/m);
    assert.match(table?.out ?? '', /^titled +waits .* Deploy\? *$/m);
    const { sessions } = JSON.parse(json?.out ?? '') as {
      sessions: { agents: { name: string; attention: { state: string; source: string } }[] }[];
    };
    const told = sessions[0]?.agents.map(({ name, attention }) => [name, attention.source]);
    assert.deepEqual(told?.slice(1, 3), [
      ['ringer', 'guess'],
      ['titled', 'hook'],
    ]);
  });

  it('screen --history prints lines above the screen', async () => {
    const shown = await stage.runAll(['screen', 'ringer'], ['screen', 'ringer', '--history', '3']);
    const [plain = [], longer = []] = shown.map(({ out }) => out.trimEnd().split('\n').map(Number));
    assert.equal(plain.at(-1), 100);
    const first = plain[0] ?? 0;
    assert.deepEqual(longer, [first - 3, first - 2, first - 1, ...plain]);
  });

  it('log --follow prints what comes, until the agent is stopped', async () => {
    const { log } = await stage.info('shell');
    const from = ['--from', `${log.sequence}`];
    const following = stage.stage.start(['agents', 'log', 'shell', '--follow', ...from]);
    for (const [typed, expected] of [
      ['echo $((6*7))', /[\r\n]42\r\n/],
      ['echo $((7*9))', /[\r\n]42\r\n[^]*[\r\n]63\r\n/],
    ] as const) {
      await stage.ask('send', { name: 'shell', text: typed, enter: true });
      await following.shows(expected);
    }
    await stage.ask('stop', { name: 'shell' });
    assert.equal((await following.ended).code, 0);
    const rest = stage.logBytes('shell').subarray(log.sequence);
    assert.equal(following.out.toString(), rest.toString(), 'every byte, once');
  });

  it('log on a terminal is text that cannot act on it, and with --raw the bytes', async (test) => {
    const print = async (...words: readonly string[]): Promise<string> => {
      const desk = await Desk.open(test, {
        words: ['agents', 'log', 'titled', ...words],
        size: { columns: 80, rows: 24 },
        environment: { SLUICE_DIR: stage.directory, XDG_STATE_HOME: stage.state },
      });
      assert.equal((await desk.process.ended).exitCode, 0);
      return desk.bytes.toString();
    };
    const [safe, raw] = await Promise.all([print(), print('--raw')]);
    assert.equal(safe, 'plain\r\n');
    assert.equal(raw.replaceAll('\r\r\n', '\r\n'), stage.logBytes('titled').toString());
    assert.match(raw, /\u001b\]0;title\u0007\u001b\[31mred/);
  });

  it('send types several lines as one paste where the program knows pastes', async () => {
    const names = ['knows', 'knows-not'];
    const words = [...byteShower('\\033[?2004h'), '---', ...byteShower('')];
    await stage.agents('new', ...names.flatMap((name) => ['--name', name]), '--', ...words);
    for (const name of names) await stage.shows(name, /ready/);
    await stage.runAll(...names.map((name) => ['send', name, 'one\ntwo', '--enter']));
    await stage.shows('knows', /^\^\[\[200~one\^Mtwo\^\[\[201~\^M$/m);
    await stage.shows('knows-not', /^one\^Mtwo\^M$/m);
  });

  it('hooks prints settings whose command reports what the program does', async () => {
    const settings = JSON.parse(await stage.agents('hooks', 'claude')) as {
      hooks: Record<string, [{ hooks: [{ type: string; command: string }] }]>;
    };
    const names = ['Notification', 'PermissionRequest', 'Stop', 'UserPromptSubmit'];
    assert.deepEqual(Object.keys(settings.hooks).sort(), names);
    const [{ hooks }] = settings.hooks['Notification']!;
    const [{ type, command }] = hooks;
    assert.equal(type, 'command');
    const event = { hook_event_name: 'Notification', message: 'Which branch?' };
    const hook = (env: NodeJS.ProcessEnv): Promise<{ code: number | null; out: string }> => {
      const running = stage.stage.start([], { program: ['sh', '-c', command], env });
      running.child.stdin?.end(JSON.stringify(event));
      return running.ended;
    };
    const SLUICE_AGENTS = join(stage.directory, 'agents~main.sock');
    const heard = await hook({ SLUICE_AGENTS, SLUICE_CHANNEL: 'agent/ringer' });
    assert.deepEqual([heard.code, heard.out], [0, '']);
    const { attention } = await stage.info('ringer');
    assert.deepEqual([attention.text, attention.source], ['Which branch?', 'hook']);
    assert.equal((await hook({})).code, 0, 'outside of a session it does nothing');
    assert.equal((await stage.run('hooks', 'nonsense')).code, 2);
  });
});
