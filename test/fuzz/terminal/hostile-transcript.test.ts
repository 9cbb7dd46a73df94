/** What is left in the user's scrollback, of agents that would rather have something else there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { transcriptOf, type TranscriptPane } from '../../../src/terminal/lines/index.js';
import type { PenOptions } from '../../../src/terminal/output/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { HostTerminal } from '../../unit/terminal-output/host-terminal.js';
import { grammarProblem } from '../../unit/terminal-output/output-grammar.js';
import { bytesOf, hostileToken } from './agent-streams.js';

const PEN: PenOptions = { colors: 'truecolor', underlineStyles: true, hyperlinks: true };
const HEADLINE = /^── \S+ ─+$/;

function pane(name: string, output: Uint8Array, columns: number): TranscriptPane {
  const content = new AgentScreen({ columns, rows: 5, maxHistoryLines: 100 });
  content.write(output);
  return { name, color: 0, content };
}

/** The headlines are drawn by us alone when rows that begin in the first column are these. */
function rowsOfOurs(rows: readonly string[]): readonly string[] {
  const ours = rows.filter((row) => row !== '' && !/^ [│┆]/.test(row));
  return ours.map((row) => (HEADLINE.test(row) ? (row.split(' ')[1] ?? '') : row));
}

describe('a hostile transcript', () => {
  it('cannot be forged nor break out, whatever an agent wrote and however wide its pane is', async () => {
    const streams = fc.tuple(
      fc.array(
        fc.oneof(
          hostileToken,
          fc
            .constantFrom('── two ──', '\r\n── two ─────\r\n', `${'x'.repeat(29)}── two ──`)
            .map((text) => ({ bytes: Buffer.from(text), asColor: '' })),
        ),
        { minLength: 1, maxLength: 60 },
      ),
      fc.integer({ min: 2, max: 90 }),
    );
    for (const [tokens, columns] of fc.sample(streams, { seed: 11, numRuns: 400 })) {
      const panes = [
        pane('one', bytesOf(tokens), columns),
        pane('two', Buffer.from('the other'), 20),
      ];
      const bytes = transcriptOf(panes, { lines: 30, columns: 30, pen: PEN });
      assert.equal(grammarProblem(bytes), undefined);
      const host = new HostTerminal(30, 100);
      await host.write(bytes);
      const shown = rowsOfOurs(host.text());
      assert.deepEqual(shown, shown.length === 2 ? ['one', 'two'] : ['two']);
    }
  });
});
