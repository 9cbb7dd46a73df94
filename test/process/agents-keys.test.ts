/** Keys and pastes of a real terminal, as agents get them: each in the form that it asked for. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentStage, byteShower } from './agent-stage.js';
import { attach } from './attached-desk.js';

const AGENTS = [
  ['kitty', String.raw`\033[>1u\033[?2004h`],
  ['other', String.raw`\033[>4;2m`],
  ['plain', ''],
] as const;

/** What terminals that speak the kitty protocol send. */
const SHIFT_ENTER = '\u001b[13;2u';

const PASTED = '\u001b[200~one\r\ntwo\u009b201~\u0003!\u001b[201~';

describe('what is typed', () => {
  const stage = new AgentStage();
  before(async () => {
    const names = AGENTS.flatMap(([name]) => ['--name', name]);
    const commands = AGENTS.flatMap(([, asked]) => ['---', ...byteShower(asked)]).slice(1);
    await stage.agents('new', ...names, '--', ...commands);
    for (const [name] of AGENTS) await stage.shows(name, /ready/);
  });
  after(() => stage.close());

  it('reaches agents as each asked for it: Shift+Enter, Enter, and what is pasted', async (test) => {
    const desk = await attach(stage, test, { words: ['kitty', '--layout', 'zoom'] });
    await desk.shows(/ready/);
    assert.equal(desk.keyboardFlags, 1, 'Shift+Enter is told apart');
    const shown = async (pattern: RegExp): Promise<void> => {
      desk.type(`${SHIFT_ENTER}\r${PASTED}.`);
      await desk.shows(pattern);
    };
    await shown(/^\^\[\[13;2u\^M\^\[\[200~one\^Mtwo201~!\^\[\[201~\.$/m);
    desk.type('\u0007n');
    await shown(/^\^\[\[27;2;13~\^Mone\^Mtwo201~!\.$/m);
    desk.type('\u0007n');
    await shown(/^\^M\^Mone\^Mtwo201~!\.$/m);
  });

  it('goes through the prefix key that was chosen', async (test) => {
    const words = ['plain', '--layout', 'zoom', '--prefix', 'C-b', '--transcript', '0'];
    const desk = await attach(stage, test, { words });
    await desk.shows(/ready[^]* C-b \? help/);
    desk.type('<\u0007d\u0002\u0002>');
    await desk.shows(/<\^Gd\^B>/);
    desk.type('\u0002d');
    assert.deepEqual(await desk.process.ended, { exitCode: 0, signal: undefined });
    const wrong = await stage.run('attach', '--prefix', 'nonsense');
    assert.equal(wrong.code, 2);
  });
});
