import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineEditor } from '../../../src/terminal/input/index.js';
import { MergedLines, promptRows } from '../../../src/terminal/lines/index.js';
import type { PenOptions } from '../../../src/terminal/output/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';

const PEN: PenOptions = { colors: 'truecolor', underlineStyles: true, hyperlinks: true };
const PLAIN: PenOptions = { colors: 'none', underlineStyles: false, hyperlinks: false };
const encoder = new TextEncoder();

function withoutSequences(text: string): string {
  return text
    .replace(/\u001b\[[\d;:]*[A-Za-z]/g, '')
    .replace(/\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g, '');
}

interface Merged {
  readonly merged: MergedLines;
  write(agent: string, text: string): void;
  take(): string;
}

function open(options: Partial<ConstructorParameters<typeof MergedLines>[0]> = {}): Merged {
  const merged = new MergedLines({ pen: PEN, ...options });
  return {
    merged,
    write: (agent, text) => merged.write(agent, encoder.encode(text), 0),
    take: () => new TextDecoder().decode(merged.take()),
  };
}

describe('lines of many agents', () => {
  it('are whole, each with the name of its agent', () => {
    const { write, take, merged } = open();
    merged.addAgent('one');
    merged.addAgent('second');
    write('one', 'he');
    write('second', 'from the second\r\nmore');
    write('one', 'llo\r\n');
    assert.equal(withoutSequences(take()), 'second │ from the second\none    │ hello\n');
    merged.end();
    assert.equal(withoutSequences(take()), 'second │ more\n');
  });

  it('go on with their own colours, and end them', () => {
    const { write, take } = open();
    write('a', '\u001b[1;31mred\n');
    write('b', 'plain\n');
    write('a', 'still red\u001b[0m\n');
    const lines = take().split('\n');
    assert.match(lines[0] as string, /│ \u001b\[1;31mred\u001b\[m$/);
    assert.match(lines[1] as string, /│ plain$/);
    assert.match(lines[2] as string, /│ \u001b\[1;31mstill red\u001b\[m$/);
  });

  it('show a progress bar once, as it was at its end', () => {
    const { write, take } = open();
    for (const percent of [10, 50, 100]) write('a', `\r${percent} %\u001b[K`);
    assert.equal(take(), '');
    write('a', '\r\u001b[Kdone\r\n');
    assert.equal(withoutSequences(take()), 'a    │ done\n');
  });

  it('cannot be forged, on a terminal neither', () => {
    const { write, take } = open({ columns: 30, pen: PLAIN });
    write(
      'evil',
      `${'x'.repeat(23)}good │ forged\n\u001b[1Agood │ up\n\u001b[Hgood │ home\n\rgood │ back\n`,
    );
    for (const line of take().split('\r\n').slice(0, -1)) {
      const shown = withoutSequences(line.replace(/^\r/, ''));
      assert.match(shown, /^(?:evil │| {4} ┆) /);
      assert.ok(shown.length <= 30, shown);
    }
  });

  it('lose nothing to what clears a screen or its history', () => {
    const { write, take } = open();
    write(
      'a',
      'one\ntwo\u001b[2J\n\u001b[3J\u001bcthree\n\u001b[?1049hnot a line\n\u001b[?1049lfour\n',
    );
    assert.deepEqual(
      withoutSequences(take())
        .split('\n')
        .map((line) => line.slice(7).trim()),
      ['one', '', 'three', 'four', ''],
    );
  });

  it('are as long as they are in a pipe, and put together from every row', () => {
    const { write, take, merged } = open({ pen: PLAIN });
    const long = Array.from({ length: 3000 }, (_, index) =>
      String.fromCharCode(97 + (index % 26)),
    ).join('');
    write('a', `${long}\nshort\n`);
    assert.equal(withoutSequences(take()), `a    │ ${long}\na    │ short\n`);
    write('a', '中'.repeat(400));
    merged.end();
    assert.equal(withoutSequences(take()), `a    │ ${'中'.repeat(400)}\n`);
  });

  it('that are not ended are shown after a while, once', () => {
    const { merged, write, take } = open({ partialMs: 500 });
    write('a', 'Continue? ');
    assert.equal(merged.showPartialLines(499), true);
    assert.equal(take(), '');
    assert.equal(merged.showPartialLines(500), false);
    assert.equal(withoutSequences(take()), 'a    │ Continue?\n');
    assert.equal(merged.showPartialLines(9000), false);
    merged.end();
    assert.equal(take(), '');
  });

  it('are not written twice when they go on after that', () => {
    const { merged, write, take } = open({ partialMs: 500, pen: PLAIN });
    write('a', 'Continue? ');
    merged.showPartialLines(500);
    take();
    write('a', 'yes\nnext\n');
    assert.equal(withoutSequences(take()), '     ┆  yes\na    │ next\n');
    write('a', 'x'.repeat(300));
    merged.showPartialLines(1000);
    take();
    write('a', `${'y'.repeat(300)}\n`);
    assert.equal(withoutSequences(take()), `     ┆ ${'y'.repeat(300)}\n`);
    // Drawn over: the line is another one.
    write('a', '10 %');
    merged.showPartialLines(1500);
    take();
    write('a', '\r100 %\n');
    assert.equal(withoutSequences(take()), 'a    │ 100 %\n');
  });

  it('of the next program are its own, whatever the one before was about to say', () => {
    const { merged, write, take } = open({ partialMs: 500, pen: PLAIN });
    write('a', 'same');
    merged.showPartialLines(500);
    assert.equal(withoutSequences(take()), 'a    │ same\n');
    write('a', '\r\u001b[K');
    merged.endAgent('a');
    write('a', 'same\n');
    assert.equal(withoutSequences(take()), 'a    │ same\n');
  });

  it('stand above a footer of what is still written, on a terminal', () => {
    const { write, take, merged } = open({ columns: 40, footerRows: 2, pen: PLAIN });
    const terminal = new AgentScreen({ columns: 40, rows: 8 });
    const shown = (): string[] => {
      terminal.write(Buffer.from(take().replaceAll(/(?<!\r)\n/g, '\r\n')));
      return Array.from({ length: 8 }, (_, row) => terminal.lineText(row).text).filter(
        (text) => text !== '',
      );
    };
    write('a', 'first\nworking 10 %');
    write('b', 'loading');
    assert.deepEqual(shown(), ['a    │ first', 'a    │ working 10 %', 'b    │ loading']);
    write('a', `\rworking ${'9'.repeat(60)}`);
    write('c', 'no room for this');
    const rows = shown();
    assert.equal(rows.length, 3);
    assert.equal(rows[1]?.length, 39);
    write('b', ' done\n');
    write('a', '\rready\u001b[K\n');
    assert.deepEqual(shown().slice(0, 4), [
      'a    │ first',
      'b    │ loading done',
      'a    │ ready',
      'c    │ no room for this',
    ]);
    merged.end();
    assert.equal(shown().length, 4);
    terminal.close();
  });

  it('stand above a prompt that keeps its place and its cursor', () => {
    const { write, merged } = open({ columns: 30, pen: PLAIN });
    const terminal = new AgentScreen({ columns: 30, rows: 6 });
    const line = new LineEditor({ maxLength: 100 });
    const show = (): void => terminal.write(merged.take());
    const prompt = (notice = ''): void =>
      merged.setPrompt(promptRows({ name: 'me', type: 1, line, notice }, 30));
    const rows = (): string[] =>
      Array.from({ length: 6 }, (_, row) =>
        terminal.lineText(terminal.historyLines + row).text.trimEnd(),
      );
    line.setText('中x');
    prompt();
    write('a', 'first\nnot ended');
    show();
    assert.deepEqual(rows().slice(0, 4), ['a    │ first', 'a    │ not ended', 'me user › 中x', '']);
    assert.deepEqual([terminal.cursor.row, terminal.cursor.column], [2, 13]);
    prompt('\u001b[2J is said');
    for (let number = 0; number < 9; number += 1) write('b', `line ${number}\n`);
    show();
    assert.deepEqual(rows().slice(3), ['a    │ not ended', '\\e[2J is said', 'me user › 中x']);
    assert.equal(rows()[2], 'b    │ line 8');
    terminal.write(merged.leaveTerminal());
    assert.deepEqual(rows().slice(3), ['', '', '']);
    show();
    assert.equal(rows()[5], 'me user › 中x');
    merged.end();
    show();
    assert.deepEqual(rows().slice(3), ['a    │ not ended', '', '']);
    terminal.close();
  });

  it('answer what an agent asks, to that agent', () => {
    const answers: string[] = [];
    const { write } = open({ onAnswer: (agent, text) => answers.push(`${agent} ${text}`) });
    write('a', '\u001b[c');
    assert.deepEqual(answers, ['a \u001b[?62;22c']);
  });

  it('keep names apart from what they could do', () => {
    const { write, take } = open();
    write('\u001b[2Jname of an agent that is long', 'x\n');
    assert.equal(withoutSequences(take()), '\\e[2Jname of an… │ x\n');
  });
});

/** What may reach the output: text, SGR, links, line feeds. */
const LINE = /^(?:\u001b\[[\d;:]*m|\u001b\]8;[^\u0007\u001b]*(?:\u0007|\u001b\\)|[^\p{Cc}])*$/u;
const agentText = fc.array(
  fc.oneof(
    fc.constantFrom('word ', '\r', '\t', '\b', '\n', '\r\n', '中', 'e\u0301', '👍🏽', '\u202e'),
    fc.constantFrom(
      '\u001b[31m',
      '\u001b[1;48;5;7m',
      '\u001b[4:3m',
      '\u001b[m',
      '\u001b[K',
      '\u001b[2J',
    ),
    fc.constantFrom(
      '\u001b[A',
      '\u001b[5;5H',
      '\u001b[?1049h',
      '\u001b[?1049l',
      '\u001bc',
      '\u001b[3J',
    ),
    fc.constantFrom(
      '\u001b]0;t\u0007',
      '\u001b]8;;https://a.org/\u0007',
      '\u001b]8;;\u0007',
      '\u001b[',
      '\u001bP',
    ),
  ),
  { minLength: 1, maxLength: 40 },
);

describe('lines of any output', () => {
  it('leave the terminal as it was at each end, and are the lines of each agent alone', () => {
    const two = fc.tuple(agentText, agentText, fc.array(fc.boolean(), { minLength: 1 }));
    const property = fc.property(two, ([first, second, order]) => {
      const together = open();
      const alone = [open(), open()] as const;
      for (const { merged } of [together, ...alone])
        ['a', 'b'].forEach((name) => merged.addAgent(name));
      const rest: readonly [string[], string[]] = [[...first], [...second]];
      for (let step = 0; rest[0].length + rest[1].length > 0; step += 1) {
        const wanted = order[step % order.length] === true ? 1 : 0;
        const which = rest[wanted].length > 0 ? wanted : 1 - wanted;
        const piece = rest[which as 0 | 1].shift() as string;
        together.write(which === 0 ? 'a' : 'b', piece);
        alone[which as 0 | 1].write(which === 0 ? 'a' : 'b', piece);
      }
      for (const { merged } of [together, ...alone]) merged.end();
      const lines = together.take().split('\n');
      assert.equal(lines.pop(), '');
      for (const line of lines) {
        assert.match(line, LINE);
        const last = line.match(/\u001b\[[\d;:]*m/g)?.at(-1);
        assert.equal(last, '\u001b[m', 'colours end with the line');
        const opened = line.match(/\u001b\]8;/g)?.length ?? 0;
        assert.equal(opened % 2, 0, 'links end with the line');
      }
      for (const [index, mark] of ['a ', 'b '].entries()) {
        const own = lines.filter((line) => withoutSequences(line).startsWith(mark));
        assert.deepEqual([...own, ''], alone[index as 0 | 1].take().split('\n'));
      }
    });
    fc.assert(property, { seed: 43, numRuns: 300 });
  });
});
