import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allowedTarget, answers, RateLimit } from '../../../src/terminal/policy/index.js';

describe('the target of a link', () => {
  it('is http or https', () => {
    for (const uri of ['https://example.org/a?b=c#d', 'http://127.0.0.1:8080', 'HTTPS://x.org/']) {
      assert.equal(allowedTarget(uri), uri);
    }
  });

  it('is nothing else, and nothing that reads as another', () => {
    const refused = [
      '',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'https://',
      'https:///path',
      'https://user@example.org/',
      'https://bank.example:password@evil.example/',
      'https://example.org/\u202egnp.exe',
      'https://example.org/a b',
      'https://example.org/\u001b]',
      `https://example.org/${'a'.repeat(3000)}`,
    ];
    for (const uri of refused) assert.equal(allowedTarget(uri), undefined, uri.slice(0, 60));
  });
});

describe('a limit of the rate', () => {
  it('lets a burst pass, and then so many a second', () => {
    const limit = new RateLimit(3, 10);
    assert.deepEqual(
      [0, 0, 0, 0].map((now) => limit.take(now)),
      [true, true, true, false],
    );
    assert.equal(limit.take(99), false);
    assert.equal(limit.take(100), true);
    assert.equal(limit.take(100), false);
  });

  it('is not fooled by a clock that goes back', () => {
    const limit = new RateLimit(1, 1000);
    assert.equal(limit.take(1000), true);
    assert.equal(limit.take(0), false);
    assert.equal(limit.take(1000), false);
  });
});

describe('answers', () => {
  it('have one form, whatever number was asked for', () => {
    for (const number of [-1, 0, 7, 2 ** 31 - 1, Number.MAX_SAFE_INTEGER]) {
      assert.match(answers.modeReport(number, 1, true), /^\u001b\[\?\d{1,5};1\$y$/);
      assert.match(answers.cursorPosition(number, number, false), /^\u001b\[\d{1,5};\d{1,5}R$/);
      assert.match(answers.keyboardFlags(number), /^\u001b\[\?\d{1,5}u$/);
      assert.match(answers.sizeInCells(number, number), /^\u001b\[8;\d{1,5};\d{1,5}t$/);
    }
    assert.equal(answers.color(11, 0x12_34_ab), '\u001b]11;rgb:1212/3434/abab\u001b\\');
  });
});
