/** Frames are marked as such (mode 2026) on a terminal that answered that it knows that, and on no other. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CAPABILITY_QUERY } from '../../src/terminal/output/capabilities.js';
import { enterSequence, leaveSequence } from '../../src/terminal/output/terminal-modes.js';
import { AgentStage } from './agent-stage.js';
import { attach } from './attached-desk.js';

const ANSWER = /^\u001b\[\?2026;\d\$y$/;
const MODES = { alternateScreen: true, mouse: true, kittyKeyboard: true };
const BEFORE_FRAMES = `${CAPABILITY_QUERY}${enterSequence(MODES)}`;
const LEAVE = leaveSequence(MODES);

describe('frames of attach', () => {
  const stage = new AgentStage();
  before(() => stage.agents('new', '--name', 'cat', '--', 'cat'));
  after(() => stage.close());

  for (const [state, isWrapped] of [
    [0, false],
    [2, true],
    [4, false],
  ] as const) {
    it(`are ${isWrapped ? '' : 'not '}synchronized where the terminal answers ${state}`, async (test) => {
      let asked = 0;
      const desk = await attach(stage, test, {
        answer: (text) => {
          if (!ANSWER.test(text)) return text;
          asked += 1;
          return `\u001b[?2026;${state}$y`;
        },
      });
      await desk.shows(/1 agent/);
      desk.type(`typed ${state}`);
      await desk.shows(new RegExp(`typed ${state}`));
      desk.type('\r\u0007d');
      assert.equal((await desk.process.ended).exitCode, 0);
      assert.equal(asked, 1);
      const [written = ''] = desk.bytes.toString().split(LEAVE);
      assert.ok(written.startsWith(BEFORE_FRAMES));
      const frames = written.slice(BEFORE_FRAMES.length);
      const wrapped = /^(?:\u001b\[\?2026h(?:(?!\u001b\[\?2026)[^])+\u001b\[\?2026l)+$/;
      if (isWrapped) assert.match(frames, wrapped);
      else assert.doesNotMatch(frames, /2026/);
    });
  }
});
