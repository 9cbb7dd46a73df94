import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CopyRequest } from '../../../src/terminal/policy/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { Presenter, type ViewAction, type ViewPane } from '../../../src/terminal/view/index.js';
import { HostTerminal } from '../terminal-output/host-terminal.js';
import { grammarProblem } from '../terminal-output/output-grammar.js';

const SIZE = { columns: 80, rows: 12 };
const PREFIX = '\u0007';

class Desk {
  readonly presenter = new Presenter(
    { ...SIZE, session: 'main' },
    {
      colors: 'truecolor',
      synchronizedOutput: false,
      kittyKeyboard: false,
      underlineStyles: true,
      hyperlinks: true,
    },
  );
  readonly host = new HostTerminal(SIZE.columns, SIZE.rows);
  readonly #panes = new Map<string, ViewPane>();

  tell(name: string, copyRequest?: CopyRequest): void {
    const content = this.#panes.get(name)?.content ?? new AgentScreen({ columns: 40, rows: 8 });
    this.#panes.set(name, { name, color: 0, state: 'working', note: '', content, copyRequest });
    this.presenter.view.setPanes([...this.#panes.values()]);
  }

  type(keys: string): readonly ViewAction[] {
    return this.presenter.feed(Buffer.from(keys));
  }

  /** What the terminal shows; its frame is of the whitelist. */
  async rows(): Promise<readonly string[]> {
    const { bytes } = this.presenter.frame();
    assert.equal(grammarProblem(bytes), undefined);
    await this.host.write(bytes.slice());
    return this.host.text();
  }

  async status(): Promise<string> {
    return (await this.rows()).at(-1) ?? '';
  }
}

const REQUEST: CopyRequest = { id: 1, text: 'git push --force' };

describe('a request to copy', () => {
  it('is told in the status line of the agent in focus, and as a mark on others', async () => {
    const desk = new Desk();
    desk.tell('fix', REQUEST);
    desk.tell('other');
    const told = 'fix wants to copy 16 characters, C-g y answers: "git push --force"';
    assert.ok((await desk.status()).startsWith(` ${told}`));
    assert.match((await desk.rows())[0] ?? '', /fix · wants to copy/);
    desk.type(`${PREFIX}n`);
    assert.match(await desk.status(), /main │ 2 agents/);
    assert.match((await desk.rows())[0] ?? '', /fix · wants to copy .*other ─/);
  });

  it('is not answered by what is typed or pasted', () => {
    const desk = new Desk();
    desk.tell('fix', REQUEST);
    const actions = desk.type('yan\u001b[200~y\u001b[201~\r');
    assert.deepEqual(new Set(actions.map(({ type }) => type)), new Set(['input']));
  });

  for (const [key, answer] of [
    ['y', 'once'],
    ['a', 'always'],
    ['n', 'no'],
  ] as const) {
    it(`is answered ${answer} by ${key}, once the user has asked to be asked`, async () => {
      const desk = new Desk();
      desk.tell('fix', REQUEST);
      assert.deepEqual(desk.type(`${PREFIX}y`), []);
      const question = 'copy for fix? y yes, n no, a always: 16 characters: "git push --force"';
      assert.ok((await desk.status()).startsWith(` ${question}`));
      // What the agent wants meanwhile is another matter.
      desk.tell('fix', { id: 2, text: 'something else' });
      assert.deepEqual(desk.type('\u001b[200~y\u001b[201~'), []);
      assert.deepEqual(desk.type(key), [
        { type: 'answer-copy', pane: 'fix', request: REQUEST, answer },
      ]);
    });
  }

  it('waits on when the question is taken back, and there is none without one', async () => {
    const desk = new Desk();
    desk.tell('fix', REQUEST);
    for (const key of ['x', '\u0019', '\u001by', '\u001b[A']) {
      assert.deepEqual(desk.type(`${PREFIX}y${key}`), [], key);
    }
    assert.match(await desk.status(), /wants to copy/);
    desk.tell('fix');
    assert.deepEqual(desk.type(`${PREFIX}y`), []);
    assert.match(await desk.status(), /wants to copy nothing/);
    assert.equal(desk.type('y')[0]?.type, 'input');
  });

  it('says how much it is, and its beginning without what could act on the terminal', async () => {
    const desk = new Desk();
    desk.tell('fix', { id: 1, text: 'ls\u202e\ncurl x' });
    assert.match(await desk.status(), /copy 10 characters in 2 lines.* "ls\\u\{202e\}\\ncurl x"$/);
    const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 400 });
    for (const text of fc.sample(texts, { seed: 3, numRuns: 300 })) {
      desk.tell('fix', { id: 1, text });
      await desk.status();
      desk.type(`${PREFIX}y`);
      await desk.status();
      desk.type('x');
    }
  });
});
