/** What an agent wants in the user's clipboard gets there when the user says so, on real terminals. */
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { openPublisher, text } from '../../src/index.js';
import { AgentStage, pause } from './agent-stage.js';
import { Desk } from './desk.js';

const PREFIX = '\u0007';

/** An agent that copies each line it is told, and shows what it reads. */
const COPIER = `
stty -echo
printf 'ready\\n'
while read -r line; do
  [ "$line" = '?' ] && data='?' || data=$(printf %s "$line" | base64 -w0)
  printf '\\033]52;c;%s\\007told: %s\\n' "$data" "$line"
done
`;

function osc52(copied: string): string {
  return `\u001b]52;c;${Buffer.from(copied).toString('base64')}\u001b\\`;
}

function attach(stage: AgentStage, test: TestContext): Promise<Desk> {
  return Desk.open(test, {
    words: ['agents', 'attach', '--transcript', '0'],
    size: { columns: 100, rows: 16 },
    environment: { SLUICE_DIR: stage.directory, XDG_STATE_HOME: stage.state },
  });
}

describe('the clipboard of the user', () => {
  const stage = new AgentStage();
  after(() => stage.close());

  it('gets what an agent wants to copy when the user says so, on the terminal where that was said', async (test) => {
    await stage.agents('new', '--name', 'fix', '--', 'sh', '-c', COPIER);
    const [here, there] = await Promise.all([attach(stage, test), attach(stage, test)]);
    for (const desk of [here, there]) await desk.shows(/ready/);
    here.type('a secret\r');
    for (const desk of [here, there]) await desk.shows(/fix wants to copy 8 characters/);
    // An answer without the prefix is input of the agent.
    here.type('y\r');
    await here.shows(/told: y[^]*copy 1 character,/);
    assert.doesNotMatch(here.bytes.toString(), /\u001b\]52/);
    here.type(`${PREFIX}y`);
    await here.shows(/copy for fix\? y yes, n no, a always: 1 character: "y"/);
    here.type('y');
    await here.shows(/fix copied 1 character to/);
    assert.ok(here.bytes.includes(osc52('y')));
    while (/wants to copy/.test(there.text)) await pause();
    assert.doesNotMatch(there.bytes.toString(), /\u001b\]52/);
    there.type(`${PREFIX}y`);
    await there.shows(/wants to copy nothing/);
  });

  it('gets it without asking after "always", and never tells an agent what is in it', async (test) => {
    const desk = await attach(stage, test);
    await desk.shows(/told: y/);
    desk.type('first\r');
    await desk.shows(/wants to copy 5 characters/);
    desk.type(`${PREFIX}ya`);
    await desk.shows(/fix copied 5 characters/);
    desk.type('second one\r');
    await desk.shows(/fix copied 10 characters/);
    assert.ok(desk.bytes.includes(osc52('first')) && desk.bytes.includes(osc52('second one')));
    assert.equal((await stage.info('fix')).permissions.clipboard, 'allow');
    desk.type('?\r');
    desk.type('end\r');
    await desk.shows(/told: \?\s[^]*told: end/);
    assert.doesNotMatch(desk.bytes.toString(), /\u001b\]52;c;\?/);
  });

  it('gets nothing from an agent that may not, and no question is asked', async (test) => {
    await stage.agents('new', '--name', 'mute', '--clipboard', 'deny', '--', 'sh', '-c', COPIER);
    const desk = await attach(stage, test);
    await desk.shows(/mute[^]*ready/);
    await stage.agents('send', 'mute', 'not this', '--enter');
    await desk.shows(/told: not this/);
    assert.doesNotMatch(desk.text, /wants to copy/);
    assert.equal((await stage.info('mute')).permissions.clipboard, 'deny');
    const { directory } = stage;
    const foreign = await openPublisher('agent/foreign', { format: text(), directory });
    test.after(() => foreign.close());
    await foreign.send('\u001b]52;c;aGk=\u0007of another process');
    await desk.shows(/foreign[^]*of another process/);
    assert.doesNotMatch(desk.text, /wants to copy/);
    const wrong = await stage.run('new', '--clipboard', 'maybe', '--', 'true');
    assert.equal(wrong.code, 2);
  });
});
