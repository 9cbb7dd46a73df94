/** The terminal that `sluice agents attach` has: put back however it ends, told of its sizes, and closed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { AgentStage, gone } from './agent-stage.js';
import { attach } from './attached-desk.js';
import { CLI } from './cli-program.js';
import { noTmux } from './tmux-control.js';
import { TmuxUser } from './tmux-user.js';

/** The viewer as a job of a shell, which goes on when the line discipline is as it was. */
const JOB = `
set -m
before=$(stty -g)
"$0" "$1" agents attach --transcript 0
until [ "$(stty -g)" = "$before" ]; do sleep 0.02; done
echo 'the line discipline is as it was'
exec sleep 1000
`;

/** Says its size, and each other one that it gets. */
const SIZES = `
trap 'echo "now $(stty size)"' WINCH
sleep 1000 & echo "first $(stty size)"
while :; do wait; done
`;

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
}

function watchdogsOf(viewer: number): readonly number[] {
  return childrenOf(viewer).filter((pid) => commandOf(pid).includes('sluice-watchdog'));
}

const SHELL = ['--name', 'shell', '--', 'env', 'PS1=$ ', 'bash', '--norc', '-i'];

/** The processes that must go on: the host's and the agent's. */
async function processes(stage: AgentStage): Promise<readonly (number | undefined)[]> {
  return [(await stage.host()).pid, (await stage.info('shell')).pid];
}

/** They are those from before, and do what is typed into them. */
async function assertGoOn(
  stage: AgentStage,
  running: readonly (number | undefined)[],
): Promise<void> {
  assert.deepEqual(await processes(stage), running);
  const mark = `alive ${process.hrtime.bigint()}`;
  await stage.ask('send', { name: 'shell', text: `echo al''${mark.slice(2)}`, enter: true });
  await stage.shows('shell', new RegExp(`^${mark}$`, 'm'));
}

describe('the terminal of a viewer', () => {
  const stage = new AgentStage();
  before(() => stage.agents('new', ...SHELL));
  after(() => stage.close());

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`is sane after ${signal}, and the agents go on`, async (test) => {
      const running = await processes(stage);
      const desk = await attach(stage, test, { script: JOB });
      await desk.shows(/shell[^]*\n\$\s/);
      assert.deepEqual([desk.alternate, desk.isSane], [true, false]);
      const viewer = desk.process.foregroundGroup ?? 0;
      assert.notEqual(viewer, desk.process.pid);
      const watchdogs = watchdogsOf(viewer);
      assert.equal(watchdogs.length, 1);
      process.kill(viewer, signal);
      await desk.shows(/the line discipline is as it was/);
      assert.equal(desk.isSane, true);
      await gone([viewer, ...watchdogs]);
      await assertGoOn(stage, running);
    });
  }

  it('is resized, and the program in a pane hears of it', async (test) => {
    await stage.agents('new', '--name', 'one', '--size', '70x20', '--', 'bash', '-c', SIZES);
    await stage.shows('one', /^first 20 70$/m);
    const desk = await attach(stage, test, { words: ['one', '--layout', 'zoom'] });
    // A line above it for its title, and one below for the status.
    await desk.shows(/^now 22 80\s/m);
    for (const [columns, rows] of [
      [60, 15],
      [131, 50],
    ] as const) {
      desk.resize(columns, rows);
      await desk.shows(new RegExp(`^now ${rows - 2} ${columns}\\s`, 'm'));
      assert.match(desk.text.split('\n')[rows - 1] ?? '', /^ ZOOM {2}main │ 2 agents/);
    }
  });
});

describe('a terminal that is closed', { skip: noTmux() ?? false }, () => {
  const stage = new AgentStage();
  after(() => stage.close());
  const size = { columns: 80, rows: 24 };
  const sluice = `${process.execPath} ${CLI} agents`;

  /** Closes it with the viewer in it, which ends and takes its watchdog along. */
  async function hangUp(user: TmuxUser): Promise<void> {
    const pane = Number(await user.tells('#{pane_pid}'));
    const viewer = [pane, ...childrenOf(pane)].find((pid) => watchdogsOf(pid).length === 1) ?? 0;
    const ended = [pane, viewer, ...watchdogsOf(viewer)];
    await user.close();
    await gone(ended);
  }

  it('ends neither host nor agents that were started from it', async (test) => {
    const user = new TmuxUser(test, stage, size);
    await user.line(`${sluice} new --attach --name shell -- env PS1='$ ' bash --norc -i`);
    await user.shows(/main │ 1 agent/);
    const running = await processes(stage);
    await hangUp(user);
    await assertGoOn(stage, running);
  });

  for (const [how, command] of [
    ['as a job of its shell', `${sluice} attach`],
    ['in place of its shell', `exec ${sluice} attach`],
    ['which nobody hangs up', `trap '' HUP; ${sluice} attach`],
  ] as const) {
    it(`ends its viewer, ${how}, and nothing else`, async (test) => {
      const running = await processes(stage);
      const user = new TmuxUser(test, stage, size);
      await user.line(command);
      await user.shows(/main │ 1 agent/);
      await hangUp(user);
      await assertGoOn(stage, running);
    });
  }
});
