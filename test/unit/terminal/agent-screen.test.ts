import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import {
  CELL,
  CellGrid,
  glyphOf,
  glyphs,
  links,
  paletteColor,
  styleWord,
  UNDERLINE,
} from '../../../src/terminal/cells/index.js';
import { DEFAULT_PERMISSIONS, type Permissions } from '../../../src/terminal/policy/index.js';
import {
  AgentScreen,
  type AgentScreenOptions,
  type ScreenSignal,
  SYNCHRONIZED_UPDATE_MS,
} from '../../../src/terminal/screen/index.js';

interface Watched {
  readonly screen: AgentScreen;
  readonly answers: string[];
  readonly signals: ScreenSignal[];
  write(text: string): void;
  /** The rows of the screen as text. */
  shown(): string[];
}

function open(options: Partial<AgentScreenOptions> = {}): Watched {
  const answers: string[] = [];
  const signals: ScreenSignal[] = [];
  const screen = new AgentScreen({
    columns: 20,
    rows: 4,
    onAnswer: (text) => answers.push(text),
    onSignal: (signal) => signals.push(signal),
    ...options,
  });
  return {
    screen,
    answers,
    signals,
    write: (text) => screen.write(Buffer.from(text)),
    shown: () =>
      Array.from(
        { length: screen.rows },
        (_, row) => screen.lineText(screen.historyLines + row).text,
      ),
  };
}

function permissions(changes: Partial<Permissions>): Permissions {
  return { ...DEFAULT_PERMISSIONS, ...changes };
}

describe('the screen of an agent', () => {
  it('shows what was written, and counts its lines', () => {
    const { screen, write, shown } = open({ maxHistoryLines: 3 });
    write('one\r\ntwo\r\nthree');
    assert.deepEqual(shown(), ['one', 'two', 'three', '']);
    assert.deepEqual([screen.historyLines, screen.forgottenLines], [0, 0]);
    write('\r\nfour\r\nfive\r\nsix\r\nseven\r\neight\r\nnine');
    assert.deepEqual(shown(), ['six', 'seven', 'eight', 'nine']);
    assert.deepEqual([screen.historyLines, screen.forgottenLines], [3, 2]);
    assert.equal(screen.lineText(0).text, 'three');
  });

  it('brings a saved cursor back to its row, with its underline, however many lines scrolled away', () => {
    for (const [save, restore] of [
      ['\u001b7', '\u001b8'],
      ['\u001b[s', '\u001b[u'],
      ['\u001b[?1048h', '\u001b[?1048l'],
      ['\u001b[?1049h', '\u001b[?1049l'],
    ] as const) {
      const { screen, write } = open();
      write(`\r\n\r\n\u001b[4:3;58;5;9m${save}\u001b[m\u001b[4;1H\n\n\n${restore}x`);
      assert.deepEqual([screen.cursor.column, screen.cursor.row], [1, 2], JSON.stringify(save));
      const grid = new CellGrid(20, 1);
      screen.copyLine(screen.historyLines + 2, grid, 0, 0, 20);
      assert.equal(grid.words[CELL.style], styleWord(0, UNDERLINE.curly));
      assert.equal(grid.words[CELL.underlineColor], paletteColor(9));
    }
    const { screen, write } = open();
    write('\r\n\u001b7\u001b[!p\r\n\u001b8');
    assert.deepEqual([screen.cursor.column, screen.cursor.row], [0, 0], 'DECSTR forgets it');
  });

  it('clears its own history for CSI 3 J and RIS, and says how much is gone', () => {
    const { screen, write } = open();
    write('1\r\n2\r\n3\r\n4\r\n5\r\n6');
    write('\u001b[3J');
    assert.deepEqual([screen.historyLines, screen.forgottenLines], [0, 2]);
    write('\r\n7\u001bc');
    assert.deepEqual([screen.historyLines, screen.forgottenLines], [0, 3]);
    write('\r\n'.repeat(4));
    assert.equal(screen.historyLines, 1);
  });

  it('keeps no more history than fits into the bytes it may take', () => {
    const { screen, write } = open({ maxHistoryBytes: 4000 });
    write('x\r\n'.repeat(100));
    assert.equal(screen.historyLines, 10);
    screen.resize(80, 4);
    assert.ok(screen.historyLines <= 3);
    assert.equal(screen.historyLines + screen.forgottenLines, 97);
  });

  it('wraps lines anew for another size', () => {
    const { screen, write, shown } = open();
    write('abcdefghijklmnopqrstuvwxyz\r\n');
    assert.equal(screen.lineText(1).wrapped, true);
    screen.resize(10, 4);
    assert.deepEqual(shown(), ['abcdefghij', 'klmnopqrst', 'uvwxyz', '']);
    screen.resize(40, 4);
    assert.deepEqual(shown(), ['abcdefghijklmnopqrstuvwxyz', '', '', '']);
  });

  it('has a second screen, with a keyboard of its own', () => {
    const { screen, write, shown } = open();
    write('main\u001b[>1u\u001b[?1049h\u001b[Halt');
    assert.equal(screen.modes.alternateScreen, true);
    assert.equal(screen.modes.kittyKeyboardFlags, 0);
    assert.equal(shown()[0], 'alt');
    write('\u001b[>8u\u001b[=1;2u');
    assert.equal(screen.modes.kittyKeyboardFlags, 9);
    write('\u001b[<u');
    assert.equal(screen.modes.kittyKeyboardFlags, 0);
    write('\u001b[?1049l');
    assert.equal(screen.modes.kittyKeyboardFlags, 1);
    assert.equal(shown()[0], 'main');
    write('\u001bc');
    assert.equal(screen.modes.kittyKeyboardFlags, 0);
  });

  it('records modes of keyboard, mouse and cursor', () => {
    const { screen, write } = open();
    write('\u001b[?1;1002;1004;1006;2004h\u001b=\u001b[5 q\u001b[?25l\u001b[>4;2m');
    const { modes, cursor } = screen;
    assert.deepEqual(modes, {
      alternateScreen: false,
      applicationCursorKeys: true,
      applicationKeypad: true,
      bracketedPaste: true,
      focusEvents: true,
      kittyKeyboardFlags: 0,
      modifyOtherKeys: 2,
      mouse: 'drag',
      mouseSgr: true,
    });
    assert.deepEqual(cursor, { column: 0, row: 0, visible: false, shape: 'bar', blinking: true });
    screen.endProgram();
    assert.equal(screen.modes.modifyOtherKeys, 0);
  });

  it('is as new for the program that follows, with what the one before left on it', () => {
    const { screen, write, shown } = open();
    const fresh = open().screen;
    write(
      'main\r\n\u001b[?1049h\u001b[?1;1003;1004;1006;2004;25;6;7l\u001b[?1;1003;1004;1006;2004;6h',
    );
    write(
      '\u001b=\u001b[?25l\u001b[5 q\u001b[4h\u001b[2;3r\u001b[1;31m\u001b]8;;https://example.org/\u0007picture',
    );
    screen.endProgram();
    assert.deepEqual([screen.modes.alternateScreen, screen.modes.mouse], [true, 'any']);
    assert.match(shown().join(''), /picture/);
    write('again');
    assert.deepEqual(screen.modes, fresh.modes);
    const { visible, shape, blinking } = fresh.cursor;
    assert.deepEqual(screen.cursor, { column: 5, row: 1, visible, shape, blinking });
    assert.deepEqual(shown().slice(0, 2), ['main', 'again']);
    const grid = new CellGrid(5, 1);
    screen.copyLine(1, grid, 0, 0, 5);
    const plain = new CellGrid(5, 1);
    fresh.write(Buffer.from('again'));
    fresh.copyLine(0, plain, 0, 0, 5);
    assert.deepEqual(grid.words, plain.words);
    // All of its rows scroll again.
    write('\r\n1\r\n2\r\n3');
    assert.deepEqual(shown(), ['again', '1', '2', '3']);
  });

  it('goes on with text when a program ended in the middle of a sequence', () => {
    const { screen, write, shown } = open();
    write('a\u001b]0;never ended');
    screen.write(Uint8Array.of(0x1b, 0x5b, 0x33, 0x31));
    screen.endProgram();
    write('b');
    assert.equal(shown()[0], 'ab');
    screen.write(Uint8Array.of(0xe4, 0xb8));
    screen.endProgram();
    assert.equal(shown()[0], 'ab\ufffd');
  });
});

describe('a synchronized update', () => {
  it('shows the last whole picture until it ends', () => {
    let now = 0;
    const { screen, write, shown } = open({ now: () => now });
    write('old');
    const version = screen.version;
    write('\u001b[?2026h\u001b[2J\u001b[Hhalf');
    const frozen = screen.version;
    assert.ok(frozen > version);
    assert.equal(shown()[0], 'old');
    assert.equal(screen.cursor.column, 3);
    write(' drawn\r\n\n\n\n\n');
    assert.equal(screen.version, frozen);
    assert.deepEqual([shown()[0], screen.historyLines], ['old', 0]);
    write('\u001b[?2026l');
    assert.ok(screen.version > frozen);
    assert.equal(screen.lineText(0).text, 'half drawn');
    now += 1000;
    write('\u001b[2J\u001b[Hone\u001b[?2026htwo');
    assert.equal(shown()[0], 'one');
    write('\u001b[?2026l\u001b[?2026hthree');
    assert.equal(shown()[0], 'one');
    now += 1000;
    write('\u001b[?2026l\u001b[?2026hfour');
    assert.equal(shown()[0], 'onetwothree');
    screen.close();
  });

  it('is over when it takes too long', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let timeouts = 0;
      const { screen, write, shown } = open({ onTimeout: () => (timeouts += 1) });
      write('\u001b[?2026hhalf');
      const version = screen.version;
      mock.timers.tick(SYNCHRONIZED_UPDATE_MS - 1);
      assert.equal(shown()[0], '');
      mock.timers.tick(1);
      assert.equal(shown()[0], 'half');
      assert.equal(timeouts, 1);
      assert.ok(screen.version > version);
    } finally {
      mock.timers.reset();
    }
  });
});

describe('questions of a program', () => {
  it('are answered in one form, and only those there is an answer for', () => {
    const asked: readonly (readonly [string, string[]])[] = [
      ['\u001b[c', ['\u001b[?62;22c']],
      ['\u001b[>c', ['\u001b[>1;10;0c']],
      ['\u001b[=c', []],
      ['\u001b[5n', ['\u001b[0n']],
      ['ab\r\nc\u001b[6n', ['\u001b[2;2R']],
      ['\u001b[?6n', ['\u001b[?1;1R']],
      ['\u001b[?996n', ['\u001b[?997;1n']],
      ['\u001b[?2026$p', ['\u001b[?2026;2$y']],
      ['\u001b[?2004h\u001b[?2004$p', ['\u001b[?2004;1$y']],
      ['\u001b[?2027$p', ['\u001b[?2027;3$y']],
      ['\u001b[?31337$p', ['\u001b[?31337;0$y']],
      ['\u001b[4$p', ['\u001b[4;2$y']],
      ['\u001b[>q', ['\u001bP>|sluice\u001b\\']],
      ['\u001b[>9u\u001b[?u', ['\u001b[?9u']],
      // Releases, other layouts and text are not told: whoever asks hears so.
      ['\u001b[>31u\u001b[?u\u001b[<u', ['\u001b[?9u']],
      ['\u001b[>1u\u001b[=6;2u\u001b[?u', ['\u001b[?1u']],
      ['\u001b[?4m', ['\u001b[>4;0m']],
      ['\u001b]10;?\u0007', ['\u001b]10;rgb:cccc/cccc/cccc\u001b\\']],
      ['\u001b]11;?\u001b\\', ['\u001b]11;rgb:0000/0000/0000\u001b\\']],
      ['\u001b]11;#fff\u0007\u001b]11;?\u0007', ['\u001b]11;rgb:0000/0000/0000\u001b\\']],
      ['\u001b]4;1;?\u0007\u001b]12;?\u0007\u001b]52;c;?\u0007', []],
      ['\u001bP+q544e\u001b\\', ['\u001bP0+r\u001b\\']],
      ['\u001bP$qm\u001b\\', ['\u001bP0$r\u001b\\']],
      ['\u001b[18t', ['\u001b[8;4;20t']],
      ['\u001b[14t\u001b[16t\u001b[20t\u001b[21t', []],
      ['\u001b]0;rm -rf\u0007\u001b[21t', []],
      ['\u0005', []],
    ];
    for (const [question, expected] of asked) {
      const { answers, write } = open();
      write(question);
      assert.deepEqual(answers, expected, JSON.stringify(question));
    }
  });

  it('are not answered more often than a program would ask', () => {
    let now = 0;
    const { answers, write } = open({ now: () => now });
    write('\u001b[6n'.repeat(10_000));
    assert.equal(answers.length, 256);
    now = 100;
    write('\u001b[6n'.repeat(10_000));
    assert.equal(answers.length, 256 + 50);
  });
});

describe('what an agent may not do', () => {
  it('is a link to anything but the web, or with what would hide its target', () => {
    const { screen, write } = open();
    write('\u001b]8;id=a;https://example.org/\u0007w\u001b]8;;\u0007');
    write('\u001b]8;;file:///etc/passwd\u0007f\u001b]8;;https://a@b.org/\u0007u\u001b]8;;\u0007');
    const grid = new CellGrid(20, 1);
    screen.copyLine(0, grid, 0, 0, 20);
    const linked = [0, 1, 2].map((x) => grid.words[grid.at(x, 0) + CELL.link] as number);
    assert.equal(links.linkOf(linked[0] as number).uri, 'https://example.org/');
    assert.deepEqual(linked.slice(1), [0, 0]);
    const denied = open({ permissions: permissions({ hyperlinks: false }) });
    denied.write('\u001b]8;;https://example.org/\u0007w');
    denied.screen.copyLine(0, grid, 0, 0, 20);
    assert.equal(grid.words[CELL.link], 0);
  });

  it('is to share a link with another agent, whatever its id', () => {
    const grid = new CellGrid(20, 2);
    [0, 1].forEach((row) => {
      const { screen, write } = open();
      write('\u001b]8;id=same;https://example.org/\u0007x');
      screen.copyLine(0, grid, row, 0, 20);
    });
    const [first, second] = [0, 1].map((row) => grid.words[grid.at(0, row) + CELL.link]);
    assert.notEqual(first, second);
  });

  it('is to use controls of one byte, as bytes or as UTF-8', () => {
    const { screen, write, shown } = open();
    write('\u009b31mred');
    screen.write(Uint8Array.of(0x9b, 0x33, 0x31, 0x6d));
    assert.equal(shown()[0], '\ufffd31mred\ufffd31m');
    const allowed = open({ permissions: permissions({ eightBitControls: true }) });
    // Where it is a control it does not wait as text does.
    allowed.write('é\u009b6n\r');
    assert.deepEqual(allowed.answers, ['\u001b[1;2R']);
    allowed.write('\u009b31mred');
    assert.equal(allowed.shown()[0], 'red');
  });

  it('is to set titles, palettes, sizes and pictures', () => {
    const { signals, answers, write, shown, screen } = open();
    write(
      '\u001b]0;t\u0007\u001b]2;t\u0007\u001b]4;1;#fff\u0007\u001b]10;#fff\u0007\u001b]104\u0007',
    );
    write(
      '\u001b[8;50;100t\u001b[?3h\u001bPq#0~\u001b\\\u001b_Gf=24;AAAA\u001b\\\u001b^pm\u001b\\\u001bXsos\u001b\\',
    );
    assert.deepEqual([signals, answers, shown()[0]], [[], [], '']);
    assert.deepEqual([screen.columns, screen.rows], [20, 4]);
  });

  it('is to make the terminal work for hours by one sequence', () => {
    const { write, shown } = open();
    for (const final of [
      'S',
      'T',
      'L',
      'M',
      'I',
      'Z',
      'b',
      '@',
      'P',
      'X',
      ' @',
      ' A',
      "'}",
      "'~",
    ]) {
      write(`x\u001b[2147483647${final}\u001b[99999999999999999999${final}`);
    }
    assert.equal(shown().length, 4);
  });
});

describe('signals', () => {
  it('are taken out of the stream, in printable text', () => {
    const { signals, write, shown } = open({ permissions: permissions({ title: true }) });
    write(
      '\u001b]9;done \u202e!\u0007\u001b]777;notify;Build;ok;2\u0007\u001b]99;i=1;hello\u001b\\',
    );
    write(
      '\u001b]9;4;1;50\u0007\u001b]9;4;0\u0007\u001b]133;A\u0007\u001b]133;D;3\u0007\u001b]133;C;x=1\u0007',
    );
    write('\u001b]52;c;aGVsbG8=\u0007\u001b]2;a title\u0007\u0007');
    write('\u001b]99;p=close;x\u0007\u001b]777;precmd\u0007\u001b]133;Z\u0007\u001b]52;c;~~\u0007');
    assert.deepEqual(signals, [
      { type: 'notification', title: '', text: 'done \\u{202e}!' },
      { type: 'notification', title: 'Build', text: 'ok;2' },
      { type: 'notification', title: '', text: 'hello' },
      { type: 'progress', state: 'running', percent: 50 },
      { type: 'progress', state: 'none', percent: 0 },
      { type: 'prompt', mark: 'prompt' },
      { type: 'prompt', mark: 'finished', exitCode: 3 },
      { type: 'prompt', mark: 'output' },
      { type: 'clipboard', text: 'hello' },
      { type: 'title', text: 'a title' },
      { type: 'bell' },
    ]);
    assert.equal(shown()[0], '');
  });

  it('are dropped where they are not allowed, too long or too many', () => {
    const silent = open({ permissions: permissions({ notifications: false, clipboard: 'deny' }) });
    silent.write(
      '\u001b]9;x\u0007\u001b]777;notify;a;b\u0007\u001b]99;;x\u0007\u001b]52;c;aGk=\u0007\u0007',
    );
    assert.deepEqual(silent.signals, []);
    const { signals, write, shown } = open({ now: () => 0 });
    write(`\u001b]9;${'x'.repeat(3000)}\u0007\u001b]52;c;${'A'.repeat(70_000)}\u0007after`);
    assert.deepEqual([signals, shown()[0]], [[], 'after']);
    write('\u0007'.repeat(1000));
    assert.equal(signals.length, 64);
  });
});

describe('cells', () => {
  it('hold nothing that acts on a terminal', () => {
    const { screen, write } = open({ columns: 40 });
    write('a\u202eb\u200bc\u001b[0m\u0301\u001b[0m\u200d \u{e0041}\u007f\u001b[0m\ufeff\u00ad|');
    const grid = new CellGrid(40, 1);
    screen.copyLine(0, grid, 0, 0, 40);
    let text = '';
    for (let x = 0; x < 40; x += 1)
      text += glyphs.textOf(glyphOf(grid.words[grid.at(x, 0)] as number));
    assert.equal(text.trimEnd(), 'abc\ufffd\ufffd \ufffd|');
  });

  it('are blank where a wide glyph was cut in half', () => {
    const { screen, write } = open();
    write('中文');
    const grid = new CellGrid(3, 1);
    screen.copyLine(0, grid, 0, 0, 3);
    assert.equal(grid.words[grid.at(2, 0)], 0x100_0020);
    write('\u001b[H\u001b[Cx');
    screen.copyLine(0, grid, 0, 0, 3);
    assert.equal(grid.words[grid.at(0, 0)], 0x100_0020);
    write('\r\n'.repeat(9));
    screen.copyLine(0, grid, 0, 1, 2);
    assert.equal(grid.words[grid.at(2, 0)], 0x100_0078);
  });
});
