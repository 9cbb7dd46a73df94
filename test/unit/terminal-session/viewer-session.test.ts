/** When a viewer gets the echo of a key. The clock stands: whatever happens, happens at once. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ClipboardGate } from '../../../src/terminal/policy/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import type { AgentInfo, SessionPane } from '../../../src/terminal/session/session-pane.js';
import { ViewerSession } from '../../../src/terminal/session/viewer-session.js';

const INFO = {
  ...{ status: 'running', title: '', log: { problem: '' } },
  attention: { state: 'working', text: '', source: 'guess' },
} as unknown as AgentInfo;

class Stage {
  readonly frames: string[] = [];
  readonly typed: string[] = [];
  readonly copied: string[] = [];
  readonly viewer: ViewerSession;
  readonly #screens = new Map<string, AgentScreen>();

  /** With two agents; the first has the keys, and the frame that shows both is on the terminal. */
  constructor(test: TestContext) {
    test.mock.method(performance, 'now', () => 1000);
    const nothing = (): void => undefined;
    this.viewer = new ViewerSession(
      {
        ...{ session: 'main', size: { columns: 80, rows: 24 } },
        ...{ layout: undefined, prefixKey: undefined },
        capabilities: {
          ...{ colors: 'none', synchronizedOutput: false, kittyKeyboard: false },
          ...{ underlineStyles: false, hyperlinks: false },
        },
      },
      {
        copy: (text) => void this.copied.push(text),
        ...{ suspend: nothing, leave: nothing, used: nothing, looked: nothing },
        ...{ start: () => Promise.reject(new Error('nobody starts')), stop: nothing },
        answerCopy: () => false,
        sendFrame: (bytes) => void this.frames.push(Buffer.from(bytes).toString()),
        input: (_pane, bytes) => void this.typed.push(Buffer.from(bytes).toString()),
      },
    );
    for (const name of ['one', 'two']) {
      this.#screens.set(name, new AgentScreen({ columns: 38, rows: 20 }));
    }
    const panes = [...this.#screens].map(([name, screen]) => ({
      ...{ name, screen, info: () => INFO },
      clipboard: new ClipboardGate('ask'),
    }));
    this.viewer.setPanes(panes as unknown as readonly SessionPane[]);
    this.viewer.drawn();
    test.after(() => {
      this.viewer.close();
      for (const screen of this.#screens.values()) screen.close();
    });
  }

  writes(name: string, text: string): void {
    this.#screens.get(name)?.write(Buffer.from(text));
    this.viewer.paneChanged(name);
  }

  type(text: string): void {
    this.viewer.input(Buffer.from(text));
  }
}

describe('the echo of a key', () => {
  it('is in the first frame after the key, which is drawn for it, however many others write', (test) => {
    const stage = new Stage(test);
    stage.writes('two', 'noise');
    stage.type('x');
    assert.deepEqual(stage.typed, ['x']);
    assert.equal(stage.frames.length, 1, 'a key by itself draws nothing');
    stage.writes('two', 'noise');
    assert.equal(stage.frames.length, 1);
    stage.writes('one', 'echo');
    assert.equal(stage.frames.length, 2);
    assert.match(stage.frames[1] ?? '', /echo/);
  });

  it('is drawn as soon as the frame is on the terminal that was on its way', (test) => {
    const stage = new Stage(test);
    stage.type('x');
    stage.writes('one', 'first');
    stage.type('y');
    stage.writes('one', 'second');
    assert.equal(stage.frames.length, 2, 'one frame at a time');
    stage.viewer.drawn();
    assert.match(stage.frames[2] ?? '', /second/);
  });
});

describe('what an agent copies', () => {
  it('is told of when it is on its way, and when no terminal takes it', (test) => {
    const { viewer, copied, frames } = new Stage(test);
    const size = { columns: 80, rows: 24 };
    viewer.copy('one', 'short');
    viewer.resize(size);
    assert.match(frames.at(-1) ?? '', /one copied 5 characters/);
    viewer.drawn();
    viewer.copy('one', 'long'.repeat(1 << 20));
    viewer.resize(size);
    assert.match(frames.at(-1) ?? '', /too long/);
    assert.deepEqual(copied, ['short']);
  });
});
