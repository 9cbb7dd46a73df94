import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClipboardGate } from '../../../src/terminal/policy/index.js';

function asked(gate: ClipboardGate): NonNullable<ClipboardGate['pending']> {
  assert.ok(gate.pending !== undefined);
  return gate.pending;
}

describe('the gate of the clipboard', () => {
  it('copies nothing before the user has said so, and then what the user was shown', () => {
    const gate = new ClipboardGate('ask');
    assert.equal(gate.take('first', 0), undefined);
    const shown = asked(gate);
    assert.equal(shown.text, 'first');
    assert.equal(gate.answer(shown, 'once'), true);
    assert.equal(gate.pending, undefined);
    assert.equal(gate.take('second', 0), undefined);
    assert.equal(asked(gate).text, 'second');
  });

  it('keeps the newest request, and an answer to the one before is about that one', () => {
    const gate = new ClipboardGate('ask');
    gate.take('harmless', 0);
    const shown = asked(gate);
    gate.take('rm -rf /', 0);
    assert.equal(gate.answer(shown, 'once'), true);
    assert.equal(asked(gate).text, 'rm -rf /', 'still waits for an answer of its own');
    assert.equal(gate.answer(asked(gate), 'no'), true);
    assert.equal(gate.pending, undefined);
  });

  it('takes the first answer of several', () => {
    const gate = new ClipboardGate('ask');
    gate.take('text', 0);
    const shown = asked(gate);
    assert.equal(gate.answer(shown, 'no'), true);
    assert.equal(gate.answer(shown, 'always'), false);
    assert.equal(gate.permission, 'ask');
    assert.equal(gate.answer({ id: 9, text: 'never asked' }, 'always'), false);
    assert.equal(gate.permission, 'ask');
  });

  it('copies without asking once that was said, or from the start', () => {
    const gate = new ClipboardGate('ask');
    gate.take('one', 0);
    gate.answer(asked(gate), 'always');
    assert.equal(gate.take('two', 0), 'two');
    assert.equal(gate.permission, 'allow');
    assert.equal(new ClipboardGate('allow').take('at once', 0), 'at once');
    const deny = new ClipboardGate('deny');
    assert.deepEqual([deny.take('never', 0), deny.pending], [undefined, undefined]);
  });

  it('lets no control through but tabs and line ends', () => {
    const gate = new ClipboardGate('allow');
    assert.equal(gate.take('a\tb\r\nc\rd\u001b[201~\u0003\u009b\u007fe', 0), 'a\tb\nc\nd[201~e');
    assert.equal(gate.take('\u001b\u0000', 0), undefined);
  });

  it('drops what comes too often', () => {
    const gate = new ClipboardGate('allow');
    const copied = Array.from({ length: 100 }, (_, index) => gate.take(`${index}`, index * 10));
    assert.equal(copied.filter((text) => text !== undefined).length, 4);
    assert.equal(gate.take('later', 60_000), 'later');
  });
});
