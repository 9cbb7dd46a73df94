import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paletteColor } from '../../../src/terminal/cells/index.js';
import { InputDecoder } from '../../../src/terminal/input/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import {
  clockText,
  type PlaybackState,
  View,
  type ViewAction,
  type ViewPurpose,
} from '../../../src/terminal/view/index.js';
import { BINDINGS } from '../../../src/terminal/view/commands.js';
import { PLAYBACK_BINDINGS, PLAYBACK_HELP } from '../../../src/terminal/view/playback-keys.js';
import { gridText } from './grid-text.js';

const STATE: PlaybackState = {
  paused: false,
  seeking: false,
  positionMs: 62_500,
  lengthMs: 125_000,
  speed: 1,
  hidden: 0,
};

function open(purpose: ViewPurpose = 'playback', columns = 110) {
  const view = new View({ columns, rows: 24, session: 'all', purpose });
  const screens = ['one', 'two'].map((name) => {
    const content = new AgentScreen({ columns: 40, rows: 10 });
    return { name, color: paletteColor(2), state: 'working', note: '', content } as const;
  });
  view.setPanes(screens);
  const decoder = new InputDecoder();
  return {
    view,
    screen: (at: number): AgentScreen => screens[at]!.content,
    type: (keys: string): readonly ViewAction[] =>
      [...decoder.feed(Buffer.from(keys)), ...decoder.timeout()].flatMap((event) =>
        view.handle(event),
      ),
    picture: (): string[] => gridText(view.compose().grid),
  };
}

describe('a view of a recording', () => {
  it('takes keys as a player does, without a prefix, for the pane in focus', () => {
    const { type } = open();
    const keys = {
      ' ': 'pause',
      '<': 'slower',
      '>': 'faster',
      '\u007f': 'usual-speed',
      '\u001b[D': 'back',
      '\u001b[C': 'on',
      '\u001b[B': 'far-back',
      '\u001b[A': 'far-on',
      '\u001b[H': 'start',
      '\u001b[F': 'end',
      '.': 'step',
      s: 'solo',
      m: 'mute',
      a: 'all',
    };
    assert.deepEqual(
      Object.values(keys).toSorted(),
      Object.keys(PLAYBACK_BINDINGS).toSorted(),
      'all of them',
    );
    for (const [key, command] of Object.entries(keys)) {
      assert.deepEqual(type(key), [{ type: 'playback', command, pane: 'one' }]);
    }
    type('n');
    assert.deepEqual(type('s'), [{ type: 'playback', command: 'solo', pane: 'two' }]);
    for (const key of ['q', '\u0003', 'd', '\u0007d']) {
      assert.deepEqual(type(key), [{ type: 'detach' }], JSON.stringify(key));
    }
  });

  it('shows at once what a key of the view changes', () => {
    const { type, view, picture } = open();
    for (const key of ['?', '?', 'z', 'y']) {
      picture();
      type(key);
      assert.equal(view.changed, true, key);
    }
  });

  it('has the keys of a session too, but for what a recording cannot do, and types nothing to anybody', () => {
    const { type, view, screen, picture } = open();
    screen(0).write(Buffer.from('\u001b[?1003h\u001b[?1006h\u001b[?1004h'));
    const said = [
      'x',
      'c',
      '\u0007x',
      '\u0007\u0007',
      '\u001b[200~rm\u001b[201~',
      '\u001b[<0;5;5M\u001b[<0;5;5m',
    ];
    for (const keys of [...said, '\u0007n', 'p', '2', '1']) {
      const actions = type(keys).filter((action) => action.type !== 'focus');
      assert.deepEqual(actions, [], JSON.stringify(keys));
    }
    type('x');
    assert.match(picture().at(-1) ?? '', /x means nothing here/);
    type('z');
    assert.equal(view.layout, 'zoom');
    type('zf');
    assert.equal(view.layout, 'focus');
    screen(0).write(Buffer.from('\r\nneedle' + '\r\nhay'.repeat(40)));
    type('/needle\r');
    assert.match(picture().join('\n'), /needle/);
    assert.deepEqual(type(' '), [], 'scrolled back, keys are those of scrolling');
    type('\u001b');
    type('q');
    type('\u001b[<64;60;5M');
    assert.match(picture().at(-1) ?? '', /SCROLL/, 'the wheel is ours');
  });

  it('says where the recording stands, how fast it goes, and how many are not shown', () => {
    const { view, picture } = open();
    const line = (state: Partial<PlaybackState>): string => {
      view.setPlayback({ ...STATE, ...state });
      return picture().at(-1) ?? '';
    };
    assert.match(line({}), /^ ▶ ━{12}─{12} 1:02 \/ 2:05 ×1 │ 2 agents │ nobody waits +\? help$/);
    assert.match(line({ paused: true, speed: 0.5, hidden: 3 }), /^ ‖ .* ×0\.5 │ 2 of 5 agents/);
    assert.match(line({ seeking: true }), /^ … /);
    assert.match(line({ positionMs: 125_000 }), /^ ■ ━{24} 2:05/);
    assert.match(line({ lengthMs: 0, positionMs: 0, speed: Infinity }), /^ ■ ━{24} .* max │/);
    const narrow = open('playback', 60);
    narrow.view.setPlayback(STATE);
    assert.match(narrow.picture().at(-1) ?? '', /^ ▶ 1:02 \/ 2:05 ×1 │ 2 agents/);
    assert.equal(clockText(3_723_000), '1:02:03');
  });

  it('has a help that names all its keys and fits', () => {
    const { type, picture } = open('playback', 80);
    type('?');
    const shown = picture().join('\n');
    for (const entry of PLAYBACK_HELP) if (entry !== undefined) assert.ok(shown.includes(entry[1]));
    const named = PLAYBACK_HELP.map((entry) => entry?.[0] ?? '').join(' ');
    for (const [first] of Object.values(PLAYBACK_BINDINGS))
      assert.ok(named.includes(first!), first);
    assert.ok(BINDINGS.help.every((key) => !Object.values(PLAYBACK_BINDINGS).flat().includes(key)));
  });

  it('of a picture tells nobody of keys', () => {
    const { picture } = open('picture');
    assert.match(picture().at(-1) ?? '', /^ all │ 2 agents │ nobody waits$/);
  });
});
