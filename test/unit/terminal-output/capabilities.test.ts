import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InputDecoder } from '../../../src/terminal/input/index.js';
import {
  assumedCapabilities,
  CapabilityAnswers,
} from '../../../src/terminal/output/capabilities.js';

const DA1 = '\u001b[?62;22c';

/** What is known of a terminal that says this to CAPABILITY_QUERY. */
function answered(text: string): CapabilityAnswers {
  const answers = new CapabilityAnswers(assumedCapabilities({ TERM: 'xterm-256color' }));
  for (const event of new InputDecoder().feed(Buffer.from(text, 'latin1'))) {
    assert.equal(event.type, 'reply', `${JSON.stringify(text)} is no key`);
    if (event.type === 'reply') answers.take(event);
  }
  return answers;
}

describe('what a terminal answers', () => {
  for (const [state, answer, known] of [
    ['not known', '\u001b[?2026;0$y', false],
    ['set', '\u001b[?2026;1$y', true],
    ['not set', '\u001b[?2026;2$y', true],
    ['always set', '\u001b[?2026;3$y', true],
    ['never set', '\u001b[?2026;4$y', false],
    ['what no terminal says', '\u001b[?2026;5$y', false],
    ['set, of another mode', '\u001b[?2027;1$y', false],
    ['nothing', '', false],
  ] as const) {
    it(`of mode 2026, ${state}, makes frames ${known ? '' : 'not '}synchronized`, () => {
      const { capabilities, complete } = answered(answer + DA1);
      assert.deepEqual([capabilities.synchronizedOutput, complete], [known, true]);
      assert.equal(answered(answer).complete, false);
    });
  }

  it('counts until the attributes come, which every terminal answers last', () => {
    const late = answered(`${DA1}\u001b[?2026;2$y\u001b[?1u`);
    const { synchronizedOutput, kittyKeyboard } = late.capabilities;
    assert.deepEqual([synchronizedOutput, kittyKeyboard], [false, false]);
  });

  it('of the keyboard, with any flags, means that it is spoken', () => {
    const answers = answered(`\u001b[?2026;2$y\u001b[?0u${DA1}`);
    const { synchronizedOutput, kittyKeyboard } = answers.capabilities;
    assert.deepEqual([synchronizedOutput, kittyKeyboard], [true, true]);
  });
});
