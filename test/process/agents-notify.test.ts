/** An agent that waits is told to the desktop (OSC 9), and to a command: what it says cannot be more than text there. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AgentStage, pause } from './agent-stage.js';
import { attach } from './attached-desk.js';
import type { Desk } from './desk.js';

/** Says by OSC 9 that it waits, as soon as it is told to, and tries more on the way. */
const ASKER = String.raw`
stty -echo
read -r line
printf '\033]9;Deploy?\302\235\033]52;c;aGk=\007\033]0;title\007\033[2Jover\n'
exec sleep 1000
`;

/** All that a terminal was told by OSC, but for the ends of links. */
function operatingSystemCommands(desk: Desk): readonly string[] {
  const found = desk.bytes.toString().matchAll(/\u001b\](?!8;)[^]*?(?:\u0007|\u001b\\)/g);
  return [...found].map(([command]) => command);
}

describe('attach --notify', () => {
  const stage = new AgentStage();
  before(async () => {
    const words = ['sleep', '1000', '---', 'sh', '-c', ASKER];
    await stage.agents('new', '--name', 'quiet', '--name', 'asker', '--', ...words);
  });
  after(() => stage.close());

  it('tells it once for each agent that waits, in one form whatever it says, where it was asked for', async (test) => {
    const words = ['--transcript', '0'];
    const told = await attach(stage, test, { words: ['--notify', ...words] });
    const silent = await attach(stage, test, { words });
    for (const desk of [told, silent]) await desk.shows(/nobody waits/);
    await stage.ask('send', { name: 'asker', text: 'go', enter: true });
    for (const desk of [told, silent]) await desk.shows(/1 waits: asker/);
    const text = 'a\u001b\\\u001b]52;c;aGk=\u0007\u009d0;t\u009c\\b\nc\u202ed';
    await stage.ask('report', { name: 'quiet', state: 'waits', text });
    for (const desk of [told, silent]) {
      await desk.shows(/2 wait: /);
      desk.type('\u0007d');
      assert.equal((await desk.process.ended).exitCode, 0);
    }
    assert.deepEqual(operatingSystemCommands(told), [
      '\u001b]9;asker waits: Deploy?/u{fffd}\u001b\\',
      '\u001b]9;quiet waits: a/e//e]52;c;aGk=/x07/x9d0;t/x9c/b/nc/u{202e}d\u001b\\',
    ]);
    assert.deepEqual(operatingSystemCommands(silent), []);
  });
});

describe('new --notify-command', () => {
  const stage = new AgentStage();
  after(() => stage.close());

  it('runs the command with what is known of the agent, and nothing that it says', async () => {
    const [file, pwned] = ['told', 'pwned'].map((name) => join(stage.state, name)) as [
      string,
      string,
    ];
    const variables = ['AGENT', 'SESSION', 'ATTENTION', 'ATTENTION_SOURCE', 'ATTENTION_TEXT'];
    const values = variables.map((name) => `"$SLUICE_${name}"`).join(' ');
    const command = `printf '%s\\n' ${values} >${file}.part && mv ${file}.part ${file}; exit 3`;
    const words = ['--notify-command', command, '--name', 'asker', '--', 'sleep', '1000'];
    await stage.agents('new', ...words);
    const said = `$(touch ${pwned}) \`touch ${pwned}\`"; touch ${pwned}; '; touch ${pwned} & #`;
    await stage.ask('report', { name: 'asker', state: 'waits', text: `${said}\n\u001b]0;t\u0007` });
    while (!existsSync(file)) await pause();
    const [name, session, state, source, ...text] = readFileSync(file, 'utf8').split('\n');
    assert.deepEqual([name, session, state, source], ['asker', 'main', 'waits', 'hook']);
    assert.equal(text.length, 2, 'one line, whatever it says');
    assert.ok(text[0]?.startsWith(said));
    assert.doesNotMatch(text[0] ?? '', /\u001b|\u0007/);
    while (!/the command of --notify-command ended with 3/.test(stage.hostLog())) await pause();
    assert.equal(existsSync(pwned), false);
  });
});
