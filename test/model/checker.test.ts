import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadRing } from './code-under-test.js';
import { type Model, search } from './search.js';
import { capture } from './snapshot.js';
import { StoreBuffers } from './store-buffer.js';

/** Counts from 0 to 5 in one byte; may stop at `stuckAt` for good. */
function counter(more: Partial<Model> = {}): Model {
  return {
    name: 'counter',
    byteLength: 1,
    actions: 1,
    init: (state) => state.fill(0),
    act(state) {
      if (state[0] === 5) return false;
      state[0] = (state[0] as number) + 1;
      return true;
    },
    isFault: () => false,
    violation: () => undefined,
    wrongRest: () => undefined,
    isGood: (state) => state[0] === 5,
    describe: (_, before, after) => `${before[0]} to ${after[0]}`,
    ...more,
  };
}

describe('the search', () => {
  it('meets every state once', () => {
    const result = search(counter(), { maxStates: 100 });
    assert.deepEqual(
      [result.violation, result.states, result.steps, result.depth],
      [undefined, 6, 5, 5],
    );
  });

  it('reports a broken rule with the steps that lead to it', () => {
    const violation = (state: Uint8Array) => (state[0] === 2 ? 'two' : undefined);
    const result = search(counter({ violation }), { maxStates: 100 });
    assert.equal(result.violation, 'two');
    assert.deepEqual(result.trace, ['0 to 1', '1 to 2']);
  });

  it('reports a wrong rest', () => {
    const result = search(counter({ wrongRest: () => 'five' }), { maxStates: 100 });
    assert.equal(result.violation, 'at rest: five');
  });

  it('reports a state from which no good end can be reached', () => {
    const act = (state: Uint8Array) => {
      state[0] = ((state[0] as number) + 1) % 4;
      return true;
    };
    const result = search(counter({ act }), { maxStates: 100 });
    assert.equal(result.violation, 'no good end can be reached any more');
  });

  it('does not count on a fault', () => {
    const result = search(counter({ isFault: () => true, wrongRest: () => 'rest' }), {
      maxStates: 100,
    });
    assert.equal(result.violation, 'at rest: rest');
  });

  it('does not pass an unfinished search for a finished one', () => {
    assert.throws(() => search(counter(), { maxStates: 3 }), /more than 3 states/);
  });
});

describe('a snapshot', () => {
  it('puts numbers, arrays, typed arrays, maps and the objects in them back', () => {
    const inner = { value: 1 };
    const root = {
      inner,
      list: [inner],
      words: new Int32Array([1, 2]),
      map: new Map([[1, 2]]),
      maybe: undefined as number | undefined,
    };
    const snapshot = capture(root);
    inner.value = 2;
    root.list.push({ value: 3 });
    root.words[1] = 9;
    root.map.set(5, 6);
    root.maybe = 4;
    assert.notEqual(capture(root).key, snapshot.key);
    snapshot.restore();
    assert.equal(capture(root).key, snapshot.key);
    assert.equal(root.list[0], inner);
    assert.deepEqual(root, {
      inner: { value: 1 },
      list: [{ value: 1 }],
      words: new Int32Array([1, 2]),
      map: new Map([[1, 2]]),
      maybe: undefined,
    });
  });

  it('tells content, not identity, and tells one shared object from two equal ones', () => {
    const shared = { value: 1 };
    assert.equal(capture([{ value: 1 }]).key, capture([{ value: 1 }]).key);
    assert.notEqual(capture([shared, shared]).key, capture([shared, { value: 1 }]).key);
  });
});

describe('a store buffer', () => {
  const OFFSET = 4;

  it('holds plain stores back, shows them to their own agent and keeps their order (x86-64)', () => {
    const buffers = new StoreBuffers('tso', 2, OFFSET);
    const state = new Uint8Array(OFFSET + buffers.byteLength(2));
    assert.ok(buffers.store(state, 0, 0, 7, false));
    assert.ok(buffers.store(state, 0, 1, 8, false));
    assert.equal(buffers.load(state, 0, 0), 7);
    assert.equal(buffers.load(state, 1, 0), 0);
    assert.equal(buffers.store(state, 0, 2, 9, true), false);
    assert.ok(buffers.flush(state, 0, 0));
    assert.deepEqual([state[0], state[1]], [7, 0]);
    assert.ok(buffers.flush(state, 0, 0));
    assert.ok(buffers.store(state, 0, 2, 9, true));
    assert.deepEqual([...state.subarray(0, 3)], [7, 8, 9]);
  });

  it('lets plain stores overtake, but none of one word and no release (arm64)', () => {
    const buffers = new StoreBuffers('arm', 4, OFFSET);
    const state = new Uint8Array(OFFSET + buffers.byteLength(1));
    buffers.store(state, 0, 0, 1, false);
    buffers.store(state, 0, 1, 2, true);
    buffers.store(state, 0, 0, 3, false);
    buffers.store(state, 0, 2, 4, false);
    assert.equal(buffers.mayAcquire(state, 0), false);
    assert.equal(buffers.flush(state, 0, 1), false);
    assert.equal(buffers.flush(state, 0, 2), false);
    assert.ok(buffers.flush(state, 0, 3));
    assert.deepEqual([...state.subarray(0, 3)], [0, 0, 4]);
    assert.ok(buffers.flush(state, 0, 0));
    assert.ok(buffers.flush(state, 0, 0));
    assert.ok(buffers.mayAcquire(state, 0));
    assert.deepEqual([...state.subarray(0, 3)], [1, 2, 4]);
  });
});

describe('a planted change', () => {
  it('is refused when the code does not contain it once', async () => {
    const change = { file: 'doorbell', find: 'no such text', replace: '' };
    await assert.rejects(loadRing([change]), /must match once, it matches 0 times/);
    await assert.rejects(
      loadRing([{ ...change, find: 'Atomics' }]),
      /must match once, it matches \d+ times/,
    );
  });
});
