import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RestartBackoff } from '../../../src/terminal/session/restart-backoff.js';

const always = (): number => 1;

describe('a program that ended', () => {
  it('is started again as its policy says', () => {
    const failed = { exitCode: 1 };
    assert.equal(new RestartBackoff('never').next(failed, 0), undefined);
    assert.equal(new RestartBackoff('on-failure').next({ exitCode: 0 }, 0), undefined);
    assert.equal(new RestartBackoff('on-failure').next(failed, 0, always), 500);
    assert.equal(new RestartBackoff('on-failure').next({ signal: 'SIGSEGV' }, 0, always), 500);
    assert.equal(new RestartBackoff('always').next({ exitCode: 0 }, 0, always), 500);
  });

  it('is waited for longer each time, up to a minute, and at last given up', () => {
    const backoff = new RestartBackoff('always');
    const waits = Array.from({ length: 20 }, () => backoff.next({ exitCode: 1 }, 10, always));
    assert.deepEqual(waits.slice(0, 4), [500, 1000, 2000, 4000]);
    assert.equal(waits.at(-1), 60_000);
    assert.equal(backoff.next({ exitCode: 1 }, 10, always), undefined);
    assert.equal(backoff.next({ exitCode: 1 }, 60_000, always), 500, 'it ran well meanwhile');
  });
});
