import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Landing } from '../../../src/bus/landing.js';

describe('what is given up when a GPU is through with it', () => {
  it('is given up at once when nothing is under way', async () => {
    const landing = new Landing();
    let given = 0;
    landing.when(
      () => true,
      () => (given += 1),
    );
    assert.equal(given, 1);
    await landing.settle();
  });

  it('is awaited to its end, also when giving up waits for more', { timeout: 5000 }, async () => {
    const landing = new Landing();
    const given: string[] = [];
    let [first, second] = [false, false];
    landing.when(
      () => first,
      () => {
        given.push('first');
        landing.when(
          () => second,
          () => given.push('second'),
        );
      },
    );
    const settled = landing.settle().then(() => given.push('settled'));
    first = true;
    landing.look();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(given, ['first']);
    second = true;
    await settled;
    assert.deepEqual(given, ['first', 'second', 'settled']);
    await landing.settle();
  });
});
