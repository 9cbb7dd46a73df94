/** `sluice agents attach` inside tmux, with real keys, at two sizes: what tmux says the pane shows. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { AgentStage } from './agent-stage.js';
import { CLI } from './cli-program.js';
import { noTmux } from './tmux-control.js';
import { TmuxUser } from './tmux-user.js';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
];

function shell(name: string): readonly string[] {
  return ['env', `PS1=${name}> `, 'bash', '--norc', '-i'];
}

/** A session with two shells, and a user who looks at it. */
async function attach(test: TestContext, size: (typeof SIZES)[number]): Promise<TmuxUser> {
  const stage = new AgentStage();
  test.after(() => stage.close());
  const words = [...shell('one'), '---', ...shell('two')];
  await stage.agents('new', '--name', 'one', '--name', 'two', '--', ...words);
  const user = new TmuxUser(test, stage, size);
  await user.shows(/^user>/m);
  await user.line('before=$(stty -g)');
  await user.line(`${process.execPath} ${CLI} agents attach`);
  await user.shows(/^one>.*│two>/m, /main │ 2 agents/);
  return user;
}

describe('attach inside tmux', { skip: noTmux() ?? false }, () => {
  for (const size of SIZES) {
    it(`shows, types, searches and leaves by its keys, at ${size.columns}x${size.rows}`, async (test) => {
      const user = await attach(test, size);
      assert.equal(await user.tells('#{alternate_on}'), '1');
      const { length } = (await user.text()).split('\n');
      assert.equal(length, size.rows, 'the status line is the last row');
      await user.line('echo $((6*7))');
      await user.shows(/^42 .*│/m);
      await user.command('n');
      await user.line('echo $((50+5))');
      await user.shows(/│55$/m);
      await user.command('z');
      await user.shows(/^55$/m, /^two>/m, without(/one>/));
      await user.command('z');
      await user.shows(/^one>.*│two>/m);
      await user.command('f');
      await user.shows(/ agents 2 /, /│55$/m, without(/one>/));
      await user.command('g');
      await user.shows(/^one>.*│two>/m, without(/ agents 2 /));
      await user.line('seq -f "line-%g" 300');
      await user.shows(/│line-300\n/);
      await user.command('[');
      await user.shows(/^ SCROLL /m);
      await user.press('PageUp');
      await user.shows(/scroll: \d+ below/, without(/line-300/));
      await user.type('?line-42');
      await user.shows(/search back: line-42/);
      await user.press('Enter');
      await user.shows(/│line-42\n/, /scroll: \d{3} below/);
      await user.press('q');
      await user.shows(/│line-300\n/, without(/SCROLL|scroll:/));
      await user.command('d');
      await user.shows(/^left; the agents go on.*\nuser>$/m);
      assert.equal(await user.tells('#{alternate_on}'), '0');
      await user.line('[ "$(stty -g)" = "$before" ] && echo sane $((7*9))');
      await user.shows(/^sane 63$/m);
    });
  }
});

function without(pattern: RegExp): RegExp {
  return new RegExp(`^(?![^]*(?:${pattern.source}))`);
}
