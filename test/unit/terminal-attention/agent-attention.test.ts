import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AgentAttention,
  inOrderOfNeed,
  nextInNeed,
} from '../../../src/terminal/attention/index.js';
import type {
  Attention,
  AttentionSource,
  AttentionState,
} from '../../../src/terminal/stream/index.js';

const NOTIFIED = { type: 'notification', title: '', text: 'Look here' } as const;

describe('the attention of an agent', () => {
  it('is guessed from output and silence, and says that it is a guess', () => {
    const attention = new AgentAttention(0);
    assert.ok(attention.started(10));
    assert.deepEqual(attention.current, {
      state: 'working',
      text: '',
      source: 'guess',
      sinceMs: 10,
    });
    assert.equal(attention.wrote(20), false);
    assert.equal(attention.looked(5000), false);
    assert.ok(attention.looked(20_000));
    assert.equal(attention.current.state, 'idle');
    assert.equal(attention.current.source, 'guess');
    assert.ok(attention.wrote(21_000));
    assert.equal(attention.current.state, 'working');
    assert.ok(attention.signalled({ type: 'bell' }, 22_000));
    assert.equal(attention.current.state, 'waits');
    assert.equal(attention.wrote(23_000), false, 'whoever rang waits, however it goes on printing');
  });

  it('believes a hook more than a message, a message more than a signal, a signal more than a guess', () => {
    const attention = new AgentAttention(0);
    attention.started(0);
    assert.ok(attention.signalled(NOTIFIED, 1));
    assert.deepEqual(attention.current, {
      state: 'waits',
      text: 'Look here',
      source: 'signal',
      sinceMs: 1,
    });
    assert.equal(attention.signalled({ type: 'bell' }, 2), false);
    assert.ok(attention.reported('working', '', 'message', 3));
    assert.equal(attention.signalled(NOTIFIED, 4), false);
    assert.ok(attention.reported('waits', 'Allow?', 'hook', 5));
    assert.equal(attention.reported('done', '', 'message', 6), false);
    assert.equal(attention.current.source, 'hook');
    assert.ok(attention.ended({ exitCode: 3 }, 7));
    assert.deepEqual(attention.current, {
      state: 'done',
      text: 'exited with 3',
      source: 'exit',
      sinceMs: 7,
    });
    assert.equal(attention.reported('waits', '', 'hook', 8), false);
    assert.ok(attention.started(9));
    assert.ok(attention.signalled(NOTIFIED, 10), 'a new program is heard anew');
  });

  it('takes an answered question for work, until the next report', () => {
    const attention = new AgentAttention(0);
    attention.reported('waits', 'Allow?', 'hook', 1);
    assert.ok(attention.answered(2));
    assert.deepEqual(attention.current, {
      state: 'working',
      text: '',
      source: 'guess',
      sinceMs: 2,
    });
    assert.equal(attention.answered(3), false);
    assert.equal(attention.looked(60_000), false, 'there are hooks: silence means nothing');
    assert.ok(attention.reported('done', '', 'hook', 4));
  });

  it('waits on while only the words change', () => {
    const attention = new AgentAttention(0);
    attention.reported('waits', 'one', 'hook', 5);
    assert.ok(attention.reported('waits', 'two', 'hook', 9));
    assert.deepEqual(attention.current, {
      state: 'waits',
      text: 'two',
      source: 'hook',
      sinceMs: 5,
    });
  });

  it('follows a shell that marks its prompts', () => {
    const attention = new AgentAttention(0);
    const mark = (name: 'prompt' | 'input' | 'output' | 'finished', exitCode?: number): void => {
      attention.signalled(
        { type: 'prompt', mark: name, ...(exitCode === undefined ? {} : { exitCode }) },
        1,
      );
    };
    mark('prompt');
    assert.equal(attention.current.state, 'idle');
    mark('output');
    assert.equal(attention.current.state, 'working');
    mark('finished', 2);
    mark('prompt');
    mark('input');
    assert.equal(attention.current.state, 'done');
    assert.equal(attention.current.text, 'command failed with 2');
    mark('output');
    assert.equal(attention.current.state, 'working');
  });

  it('takes progress for work, and does not take its end for anything', () => {
    const attention = new AgentAttention(0);
    attention.signalled({ type: 'progress', state: 'running', percent: 5 }, 1);
    assert.equal(attention.current.state, 'working');
    assert.equal(attention.signalled({ type: 'progress', state: 'none', percent: 0 }, 2), false);
  });
});

describe('the queue', () => {
  const agent = (
    name: string,
    state: AttentionState,
    sinceMs: number,
    source: AttentionSource = 'hook',
    seen = false,
  ): { name: string; attention: Attention; seen: boolean } => ({
    name,
    attention: { state, text: '', source, sinceMs },
    seen,
  });
  const agents = [
    agent('busy', 'working', 1),
    agent('over', 'done', 2),
    agent('looked-at', 'done', 1, 'hook', true),
    agent('rang', 'waits', 1, 'guess'),
    agent('asks', 'waits', 9),
    agent('asked-before', 'waits', 4, 'signal'),
  ];

  it('has who waits first, known before guessed, longest first, then what is done and was not seen', () => {
    const order = inOrderOfNeed(agents).map(({ name }) => name);
    assert.deepEqual(order, ['asked-before', 'asks', 'rang', 'over']);
  });

  it('goes round', () => {
    assert.equal(nextInNeed(agents)?.name, 'asked-before');
    assert.equal(nextInNeed(agents, 'asks')?.name, 'rang');
    assert.equal(nextInNeed(agents, 'over')?.name, 'asked-before');
    assert.equal(nextInNeed(agents, 'nobody')?.name, 'asked-before');
    assert.equal(nextInNeed([agent('busy', 'working', 1)]), undefined);
  });
});
