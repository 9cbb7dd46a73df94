import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clustersOf, columnsOfText, printableCluster } from '../../../src/terminal/cells/index.js';

function shape(text: string): string {
  return clustersOf(text)
    .map((cluster) => `${cluster.text}:${cluster.columns}`)
    .join(' ');
}

describe('text in cells', () => {
  it('takes the columns that terminals give it', () => {
    const known: readonly (readonly [string, number])[] = [
      ['', 0],
      ['plain', 5],
      ['e\u0301', 1],
      ['中文', 4],
      ['ｆｕｌｌ', 8],
      ['한글', 4],
      ['\u1112\u1161\u11ab', 2],
      ['👍', 2],
      ['👍🏽', 2],
      ['👨‍👩‍👧‍👦', 2],
      ['👩🏽‍❤️‍💋‍👨🏿', 2],
      ['🏴󠁧󠁢󠁥󠁮󠁧󠁿', 2],
      ['🇫🇷', 2],
      ['🇫🇷🇩', 3],
      ['❤', 1],
      ['❤️', 2],
      ['1️⃣', 2],
      ['⌚', 2],
      ['─│┼', 3],
      ['①', 1],
      ['a\u200bb', 2],
    ];
    for (const [text, columns] of known) assert.equal(columnsOfText(text), columns, text);
  });

  it('joins what belongs together and nothing else', () => {
    assert.equal(shape('ne\u0301e'), 'n:1 e\u0301:1 e:1');
    assert.equal(shape('🇫🇷🇩🇪'), '🇫🇷:2 🇩🇪:2');
    assert.equal(shape('👍🏽a🏽'), '👍🏽:2 a:1 🏽:2');
    assert.equal(shape('👨‍👩a\u200d👩'), '👨‍👩:2 a:1 👩:2');
    assert.equal(shape('\u1112\u1161\u1112'), '\u1112\u1161:2 \u1112:2');
  });

  it('ends a cluster that is too long', () => {
    const clusters = clustersOf(`a${'\u0301'.repeat(1000)}`);
    assert.ok(clusters.length > 50);
    assert.equal(clusters[0]?.text, `a${'\u0301'.repeat(14)}`);
    for (const { text } of clusters) assert.ok(text.length <= 15);
  });

  it('shows nothing that acts, and nothing that reaches out of its cell', () => {
    for (const text of ['\u0301', '\u200d', '\ufe0f', '\u001b', '\u0085', '\u202e', '\ud800', '']) {
      assert.equal(printableCluster(text), '\ufffd', JSON.stringify(text));
    }
    assert.equal(printableCluster('a\u202eb'), 'ab');
    assert.equal(printableCluster('👨\u200d'), '👨');
    assert.equal(printableCluster('a\u{e0067}'), 'a');
  });

  it('makes cells of any text that say the same again', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const property = fc.property(text, (any) => {
      for (const cluster of clustersOf(any)) {
        assert.ok(cluster.columns === 1 || cluster.columns === 2);
        assert.doesNotMatch(
          cluster.text,
          /[\p{Cc}\p{Cs}\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u,
        );
        assert.doesNotMatch(cluster.text, /^\p{M}/u);
        assert.equal(printableCluster(cluster.text), cluster.text);
      }
    });
    fc.assert(property, { seed: 41, numRuns: 5000 });
  });
});
