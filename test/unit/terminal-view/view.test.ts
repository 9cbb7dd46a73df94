import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paletteColor } from '../../../src/terminal/cells/index.js';
import { InputDecoder } from '../../../src/terminal/input/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { View, type ViewAction, type ViewPane } from '../../../src/terminal/view/index.js';
import { panesPerPage } from '../../../src/terminal/view/grid-layout.js';
import { BINDINGS, helpOf } from '../../../src/terminal/view/commands.js';
import { gridText } from './grid-text.js';

const PREFIX = '\u0007';

/** A view of agents that are screens, and hands that type into it. */
class Stage {
  readonly view: View;
  readonly screens = new Map<string, AgentScreen>();
  readonly #decoder = new InputDecoder();
  readonly #panes = new Map<string, ViewPane>();

  constructor(columns = 80, rows = 24) {
    this.view = new View({ columns, rows, session: 'main' });
  }

  add(name: string, more: Partial<ViewPane> = {}): AgentScreen {
    const content = new AgentScreen({ columns: 80, rows: 24 });
    this.screens.set(name, content);
    this.tell({ name, color: paletteColor(2), state: 'working', note: '', content, ...more });
    return content;
  }

  tell(pane: ViewPane): void {
    this.#panes.set(pane.name, pane);
    this.view.setPanes([...this.#panes.values()]);
    this.#fit();
  }

  type(keys: string): ViewAction[] {
    const events = [...this.#decoder.feed(Buffer.from(keys)), ...this.#decoder.timeout()];
    const actions = events.flatMap((event) => this.view.handle(event));
    this.#fit();
    return actions;
  }

  /** Programs get the size of their panes, as their owner sees to it. */
  #fit(): void {
    for (const [name, screen] of this.screens) {
      const size = this.view.paneSize(name);
      if (size !== undefined) screen.resize(Math.max(2, size.columns), size.rows);
    }
  }

  picture(): string[] {
    return gridText(this.view.compose().grid);
  }
}

function inputs(actions: readonly ViewAction[]): string {
  return actions
    .map((action) => (action.type === 'input' ? Buffer.from(action.bytes).toString() : ''))
    .join('');
}

describe('the layouts', () => {
  it('give every pane of one to fifty its own cells, inside the terminal, with nothing in common', () => {
    for (const [columns, rows] of [
      [80, 24],
      [200, 60],
      [30, 8],
      [5, 2],
    ] as const) {
      for (let count = 1; count <= 50; count += 1) {
        const stage = new Stage(columns, rows);
        for (let index = 0; index < count; index += 1) stage.add(`a${index}`);
        const sizes = [...stage.screens.keys()].map((name) => stage.view.paneSize(name));
        const seen = sizes.filter((size) => size !== undefined);
        const cells = seen.reduce((sum, size) => sum + size.columns * size.rows, 0);
        assert.ok(seen.length >= 1 && cells <= Math.max(1, columns * rows), `${count} panes`);
        const area = { column: 0, row: 0, columns, rows: rows - 1 };
        if (count <= panesPerPage(area)) assert.equal(seen.length, count);
        stage.picture();
        for (const screen of stage.screens.values()) screen.close();
      }
    }
  });

  it('show a title a pane, the one in focus large or alone, and follow the focus to another page', () => {
    const stage = new Stage();
    for (const name of ['one', 'two', 'three']) stage.add(name).write(Buffer.from(`I am ${name}`));
    const grid = stage.picture().join('\n');
    for (const name of ['one', 'two', 'three']) assert.match(grid, new RegExp(`I am ${name}`));
    stage.type(`${PREFIX}f`);
    assert.match(stage.picture().join('\n'), / agents 3 [\s\S]*I am one/);
    assert.doesNotMatch(stage.picture().join('\n'), /I am two/);
    stage.type(`${PREFIX}n`);
    assert.match(stage.picture().join('\n'), /I am two/);
    stage.type(`${PREFIX}z`);
    assert.equal(stage.view.layout, 'zoom');
    assert.deepEqual(stage.view.paneSize('two'), { columns: 80, rows: 22 });
    stage.type(`${PREFIX}z`);
    assert.equal(stage.view.layout, 'focus');
    stage.type(`${PREFIX}g`);
    for (let index = 0; index < 20; index += 1) stage.add(`more-${index}`);
    assert.match(stage.picture().at(-1) ?? '', /page 1\/2/);
    stage.type(`${PREFIX}p${PREFIX}p`);
    assert.match(stage.picture().at(-1) ?? '', /page 2\/2/);
  });

  it('have lines that the mouse moves, as far as panes stay of use', () => {
    const stage = new Stage(120, 40);
    for (const name of ['one', 'two', 'three', 'four']) stage.add(name);
    const sizes = (): string =>
      ['one', 'two', 'three', 'four']
        .map((name) => stage.view.paneSize(name))
        .map((size) => `${size?.columns}x${size?.rows}`)
        .join(' ');
    const drag = (from: string, ...cells: string[]): void => {
      stage.type(`\u001b[<0;${from}M`);
      for (const cell of cells) stage.type(`\u001b[<32;${cell}M`);
      stage.type(`\u001b[<0;${cells.at(-1)}m`);
    };
    assert.equal(sizes(), '60x19 59x19 60x18 59x18');
    drag('61;10', '71;12');
    assert.equal(sizes(), '70x19 49x19 60x18 59x18', 'the line right of the first pane');
    drag('71;10', '1;10', '300;10', '41;10');
    assert.equal(sizes(), '40x19 79x19 60x18 59x18', 'and back, from wherever it could not go');
    drag('41;10', '1;10');
    assert.equal(sizes(), '24x19 95x19 60x18 59x18', 'to the least');
    drag('90;21', '90;31');
    assert.equal(sizes(), '24x29 95x29 60x8 59x8', 'the titles of the second row');
    assert.equal(stage.view.focusedPane, 'four', 'have the focus on the way');
    stage.type('\u001b[<35;1;1M\u001b[<32;1;1M');
    assert.equal(sizes(), '24x29 95x29 60x8 59x8', 'nothing is held any more');
    stage.type(`${PREFIX}>${PREFIX}-`);
    assert.equal(sizes(), '24x31 95x31 56x6 63x6', 'keys go on from there');
    stage.type(`${PREFIX}f`);
    assert.equal(stage.view.paneSize('four')?.columns, 97);
    drag('23;5', '33;5');
    assert.equal(stage.view.paneSize('four')?.columns, 87, 'the line beside the list');
    drag('33;5', '120;5', '31;5');
    assert.equal(stage.view.paneSize('four')?.columns, 89);
    stage.type(`${PREFIX}>`);
    assert.equal(stage.view.paneSize('four')?.columns, 93);
  });

  it('make a pane larger at the cost of its neighbour', () => {
    const stage = new Stage();
    stage.add('one');
    stage.add('two');
    const before = stage.view.paneSize('one');
    stage.type(`${PREFIX}>`);
    const after = stage.view.paneSize('one');
    assert.ok(before !== undefined && after !== undefined && after.columns === before.columns + 4);
    assert.equal((stage.view.paneSize('two')?.columns ?? 0) + after.columns, 79);
  });
});

describe('keys', () => {
  it('go to the pane in focus, and after the prefix to the view', () => {
    const stage = new Stage();
    stage.add('one');
    stage.add('two').write(Buffer.from('\u001b[>1u'));
    assert.deepEqual(
      stage.type('x'),
      [{ type: 'input', pane: 'one', bytes: Buffer.from('x').subarray() }].map((action) => ({
        ...action,
        bytes: new Uint8Array(action.bytes),
      })),
    );
    assert.deepEqual(stage.type(`${PREFIX}n`).at(-1), { type: 'focus', pane: 'two' });
    assert.equal(
      inputs(stage.type('\u001b[13;2u')),
      '\u001b[13;2u',
      'Shift+Enter as it was asked for',
    );
    assert.equal(inputs(stage.type(`${PREFIX}${PREFIX}`)), '\u001b[103;5u', 'the prefix itself');
    assert.deepEqual(stage.type(`${PREFIX}d`), [{ type: 'detach' }]);
  });

  it('tell programs that asked whether they have the focus, however it moved', () => {
    const stage = new Stage();
    for (const name of ['one', 'two']) stage.add(name).write(Buffer.from('\u001b[?1004h'));
    const told = (actions: readonly ViewAction[]): string[] =>
      actions.flatMap((action) =>
        action.type === 'input' ? [`${action.pane} ${Buffer.from(action.bytes).toString()}`] : [],
      );
    assert.deepEqual(told(stage.view.focus('two')), ['one \u001b[O', 'two \u001b[I']);
    assert.equal(stage.view.hasFocus, true);
    assert.deepEqual(told(stage.type('\u001b[O')), ['two \u001b[O']);
    assert.equal(stage.view.hasFocus, false);
    assert.deepEqual(told(stage.view.focus('one')), [], 'the user is elsewhere');
    assert.deepEqual(told(stage.type('\u001b[I')), ['one \u001b[I']);
    assert.equal(stage.view.hasFocus, true);
  });

  it('change nothing here when they are for a program, and something when they are for the view', () => {
    const stage = new Stage();
    stage.add('one');
    stage.picture();
    for (const key of ['a', '\r', '\u001b[A', 'é']) {
      assert.notEqual(inputs(stage.type(key)), '');
      assert.equal(stage.view.changed, false, JSON.stringify(key));
    }
    stage.view.notify('until the next key');
    stage.picture();
    for (const key of ['a', PREFIX, '?', 'a', '\u001b[5;2~', 'q']) {
      stage.type(key);
      assert.equal(stage.view.changed, true, JSON.stringify(key));
      stage.picture();
    }
  });

  it('find the one that waits, and go through all of them', () => {
    const stage = new Stage();
    stage.add('one');
    stage.add('two', { state: 'waits', note: 'Allow npm install?' });
    stage.add('three');
    stage.add('four', { state: 'waits' });
    assert.match(stage.picture().at(-1) ?? '', /2 wait: two, four/);
    stage.type(`${PREFIX}w`);
    assert.equal(stage.view.focusedPane, 'two');
    stage.type(`${PREFIX}w`);
    assert.equal(stage.view.focusedPane, 'four');
  });

  it('ask before an agent is stopped, and start one from a line that a paste cannot send', () => {
    const stage = new Stage();
    stage.add('one');
    assert.deepEqual(stage.type(`${PREFIX}x`), []);
    assert.match(stage.picture().at(-1) ?? '', /stop one\? y\/n/);
    assert.deepEqual(stage.type('n'), []);
    assert.deepEqual(stage.type(`${PREFIX}xy`), [{ type: 'kill', pane: 'one' }]);
    assert.deepEqual(stage.type(`${PREFIX}cnpm te\u001b[200~st\nrm -rf x\u001b[201~`), []);
    assert.deepEqual(stage.type('\r'), [{ type: 'new', command: 'npm test' }]);
  });

  it('have a help that names all of them and closes with any key', () => {
    const shown = helpOf('C-g')
      .map((entry) => entry?.[0] ?? '')
      .join(' ');
    for (const [first] of Object.values(BINDINGS)) {
      const isArrow = ['Left', 'Right', 'Up', 'Down'].includes(first ?? '');
      const isNamed = shown.split(' ').includes(first ?? '') || shown.includes(first ?? '');
      assert.ok(isArrow || isNamed, first);
    }
    const stage = new Stage();
    stage.add('one');
    stage.type(`${PREFIX}?`);
    assert.match(stage.picture().join('\n'), /the next one that waits for you/);
    assert.deepEqual(stage.type('q'), []);
    assert.doesNotMatch(stage.picture().join('\n'), /the next one that waits for you/);
  });
});

describe('a pane that is scrolled back', () => {
  function scrolled(): { stage: Stage; screen: AgentScreen } {
    const stage = new Stage();
    const screen = stage.add('one');
    for (let line = 0; line < 100; line += 1) screen.write(Buffer.from(`line ${line} end\r\n`));
    return { stage, screen };
  }

  it('keeps its place while lines are added, and goes back to what is new', () => {
    const { stage, screen } = scrolled();
    stage.type('\u001b[5;2~');
    const before = stage.picture();
    assert.match(before[1] ?? '', /^line 57 end$/);
    for (let line = 0; line < 6000; line += 1) {
      screen.write(Buffer.from('more\r\n'));
      if (line === 50) assert.deepEqual(stage.picture().slice(1, -1), before.slice(1, -1));
    }
    assert.match(stage.picture()[1] ?? '', /more/, 'what was forgotten cannot be shown');
    stage.type('q');
    assert.match(stage.picture().at(-1) ?? '', /main/);
  });

  it('searches back and on, also for what is not there', () => {
    const { stage } = scrolled();
    stage.type(`${PREFIX}/LINE 7 `);
    assert.match(stage.picture().at(-1) ?? '', /search back: LINE 7/);
    stage.type('\r');
    assert.match(stage.picture().at(-1) ?? '', /nothing found/, 'capitals are meant');
    stage.type('/');
    stage.type('line 7 \r');
    assert.ok(stage.picture().some((line) => line.startsWith('line 7 end')));
    const { cursor, grid } = stage.view.compose();
    assert.match(gridText(grid)[cursor.row] ?? '', /^line 7 end/);
    stage.type('?line 3\r');
    assert.match(stage.picture()[stage.view.compose().cursor.row] ?? '', /^line 3 end/);
    stage.type('n');
    assert.match(
      stage.picture()[stage.view.compose().cursor.row] ?? '',
      /^line 39 end/,
      'round the end',
    );
  });

  it('copies what keys or the mouse selected, only when asked', () => {
    const { stage } = scrolled();
    stage.type('\u001b[<0;1;3M');
    stage.type('\u001b[<32;6;4M');
    const picture = stage.picture();
    assert.deepEqual(stage.type('\u001b[<0;6;4m'), [], 'a drag alone copies nothing');
    const wanted = `${picture[2]}\n${picture[3]?.slice(0, 6).trimEnd()}`;
    assert.deepEqual(stage.type('y'), [{ type: 'copy', text: wanted }]);
    stage.type(`${PREFIX}[gv$`);
    assert.deepEqual(stage.type('\r'), [{ type: 'copy', text: 'line 0 end' }]);
  });

  it('joins what was wrapped when it is copied', () => {
    const stage = new Stage();
    const screen = stage.add('one');
    screen.write(Buffer.from('x'.repeat(100)));
    stage.type(`${PREFIX}[g0vj$`);
    assert.deepEqual(stage.type('y'), [{ type: 'copy', text: 'x'.repeat(100) }]);
  });
});

describe('the mouse', () => {
  it('is the program’s at its own cells where it asked for it, and ours with Shift', () => {
    const stage = new Stage();
    stage.add('one');
    const screen = stage.add('two');
    screen.write(Buffer.from('\u001b[?1000h\u001b[?1006h'));
    const actions = stage.type('\u001b[<0;43;4M');
    assert.deepEqual(actions[0], { type: 'focus', pane: 'two' });
    assert.equal(inputs(actions), '\u001b[<0;2;3M');
    assert.equal(inputs(stage.type('\u001b[<4;43;4M')), '');
    stage.type('\u001b[<4;43;4m');
    assert.equal(inputs(stage.type('\u001b[<64;43;4M')), '\u001b[<64;2;3M');
    assert.equal(inputs(stage.type('\u001b[<64;3;4M')), '', 'the other one scrolls');
  });

  it('stays with the program that was pressed in until the release, inside its screen', () => {
    const stage = new Stage();
    for (const name of ['one', 'two']) {
      stage.add(name).write(Buffer.from('\u001b[?1002h\u001b[?1006h'));
    }
    const told = (keys: string): string[] =>
      stage.type(keys).flatMap((action) => {
        const isInput = action.type === 'input';
        return isInput ? [`${action.pane} ${Buffer.from(action.bytes).toString().slice(1)}`] : [];
      });
    assert.deepEqual(told('\u001b[<0;5;4M'), ['one [<0;5;3M']);
    assert.deepEqual(told('\u001b[<32;60;1M'), ['one [<32;40;1M'], 'over the other one');
    assert.deepEqual(told('\u001b[<0;60;24m'), ['one [<0;40;22m'], 'on the status line');
    assert.deepEqual(told('\u001b[<35;60;4M'), [], 'and then it is over');
    assert.deepEqual(told('\u001b[<0;60;4M'), ['two [<0;19;3M']);
    stage.screens.get('two')?.write(Buffer.from('\u001b[?1002l'));
    assert.deepEqual(told('\u001b[<0;60;4m'), [], 'which does not want it any more');
  });

  it('is told in rows of the screen, also where a pane shows a part of a larger one', () => {
    const stage = new Stage();
    const screen = stage.add('one');
    screen.resize(30, 40);
    screen.write(Buffer.from('\u001b[?1000h\u001b[?1006h\u001b[40;1H'));
    const events = new InputDecoder();
    const told = (keys: string): string =>
      inputs(events.feed(Buffer.from(keys)).flatMap((event) => stage.view.handle(event)));
    // 22 of 40 rows are seen, the last ones.
    assert.equal(told('\u001b[<0;5;2M'), '\u001b[<0;5;19M');
    assert.equal(told('\u001b[<0;5;2m'), '\u001b[<0;5;19m');
    assert.equal(told('\u001b[<0;50;2M'), '', 'beside the screen');
    assert.equal(told('\u001b[<0;50;2m'), '');
  });

  it('shows where a link leads, whatever its text says and whose the mouse is', () => {
    const stage = new Stage();
    const screen = stage.add('one');
    const link = '\u001b]8;;https://example.org/a\u0007here\u001b]8;;\u0007';
    screen.write(Buffer.from(`see ${link} or not\r\n`.repeat(40)));
    const status = (): string => stage.picture().at(-1) ?? '';
    stage.type('\u001b[<0;5;4M\u001b[<0;5;4m');
    assert.match(status(), /link to https:\/\/example\.org\/a/);
    stage.type('\u001b[<0;4;4M\u001b[<0;4;4m');
    assert.doesNotMatch(status(), /link to/);
    screen.write(Buffer.from('\u001b[?1000h\u001b[?1006h'));
    assert.equal(inputs(stage.type('\u001b[<0;8;4M')), '\u001b[<0;8;3M');
    assert.match(status(), /link to https:\/\/example\.org\/a/);
    // In the lines above the screen, too.
    stage.type('\u0007[\u001b[5~\u001b[<0;5;4M\u001b[<0;5;4m');
    assert.match(status(), /link to https:\/\/example\.org\/a/);
  });

  it('turns the wheel into arrows for a program with the whole screen', () => {
    const stage = new Stage();
    stage.add('one').write(Buffer.from('\u001b[?1049h'));
    assert.equal(inputs(stage.type('\u001b[<65;3;4M')), '\u001b[B\u001b[B\u001b[B');
  });
});

describe('labels', () => {
  it('cannot be forged: what agents say is text inside a label of ours', () => {
    const stage = new Stage();
    stage.add('evil', {
      state: 'waits',
      note: '\u001b]0;x\u0007\u001b[2J\r\n─ 2 ● root \u202e 漢字漢字漢字 '.repeat(9),
    });
    stage.add('good');
    const [titles = '', ...rest] = stage.picture();
    assert.match(titles, /^─ 1 {2}◆ evil · waits · \\e\]0;x\\x07\\e\[2J/);
    assert.match(titles, / 2 ● good /);
    assert.equal(titles.indexOf('┬'), 40, 'the line between panes stands where it should');
    assert.doesNotMatch(titles, /[\u0000-\u001f\u202e]/);
    assert.ok(!rest.join('').includes('root'), 'and nowhere else');
  });
});
