/**
 * Atomicity: whatever agents write, users press and terminals do not take, a terminal shows at the end of each frame one
 * version of every pane, composed as a view would compose it that has seen nothing before.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { paletteColor } from '../../../src/terminal/cells/index.js';
import { InputDecoder, type InputEvent } from '../../../src/terminal/input/index.js';
import { FrameWriter } from '../../../src/terminal/output/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { Presenter, View, type ViewPane } from '../../../src/terminal/view/index.js';
import { HostTerminal, type SeenCell, seenOfGrid } from '../terminal-output/host-terminal.js';
import { grammarProblem } from '../terminal-output/output-grammar.js';
import { type Step, steps } from './scenes.js';

const FIRST_SIZE = { columns: 80, rows: 24 };
const STATES = ['working', 'waits', 'quiet', 'done', 'failed'] as const;

/** What a terminal should show at the end of a frame. */
interface Expected {
  readonly cells: SeenCell[][];
  readonly cursor: { readonly column: number; readonly row: number } | undefined;
}

class Scene {
  readonly #screens = Array.from({ length: 12 }, () => new AgentScreen(FIRST_SIZE));
  readonly #presenter: Presenter;
  readonly #host: HostTerminal;
  readonly #pending: Uint8Array[] = [];
  readonly #writer: FrameWriter;
  /** Everything that a view was told, to tell it to another one. */
  readonly #told: ((view: View) => void)[] = [];
  readonly #decoder = new InputDecoder();
  #takes = 0;
  #expected: Expected | undefined;

  constructor(synchronizedOutput: boolean) {
    this.#presenter = new Presenter(
      { ...FIRST_SIZE, session: 'main' },
      {
        colors: 'truecolor',
        underlineStyles: true,
        hyperlinks: true,
        synchronizedOutput,
        kittyKeyboard: false,
      },
    );
    this.#host = new HostTerminal(FIRST_SIZE.columns, FIRST_SIZE.rows);
    const write = (bytes: Uint8Array): number => {
      const taken = Math.min(this.#takes, bytes.length);
      this.#pending.push(bytes.slice(0, taken));
      this.#takes = 0;
      return taken;
    };
    this.#writer = new FrameWriter({ write, wantRoom: () => undefined }, () => undefined);
  }

  async play(all: readonly Step[]): Promise<void> {
    this.#panes(5, 0);
    for (const step of all) await this.#step(step);
    await this.#frame(1_000_000);
    for (const screen of this.#screens) screen.close();
  }

  async #step(step: Step): Promise<void> {
    if (step.type === 'write') this.#screens[step.pane]?.write(Buffer.from(step.text));
    else if (step.type === 'keys') this.#keys(step.text);
    else if (step.type === 'panes') this.#panes(step.count, step.state);
    else if (step.type === 'frame') await this.#frame(step.pieceBytes);
    else {
      // As a terminal does it: its size changes, and what we hear of it comes after.
      this.#host.resize(step.columns, step.rows);
      this.#presenter.resize(step.columns, step.rows);
      this.#told.push((view) => view.resize(step.columns, step.rows));
      this.#expected = undefined;
    }
    // Part of a frame may be out at any time; no other may start.
    if (!this.#writer.busy) return;
    this.#takes = 13;
    this.#writer.flush();
    if (!this.#writer.busy) await this.#checkEnd();
  }

  #keys(text: string): void {
    const bytes = Buffer.from(text);
    this.#presenter.feed(bytes);
    this.#presenter.timeout();
    const events: InputEvent[] = [...this.#decoder.feed(bytes), ...this.#decoder.timeout()];
    this.#told.push((view) => events.forEach((event) => view.handle(event)));
  }

  #panes(count: number, state: number): void {
    const panes: ViewPane[] = this.#screens.slice(0, count).map((content, index) => ({
      name: `agent-${index}`,
      color: paletteColor(index),
      state: STATES[(state + index) % STATES.length] ?? 'working',
      note: index % 3 === 0 ? 'Allow\u001b[2J 漢字?' : '',
      content,
    }));
    this.#presenter.view.setPanes(panes);
    this.#told.push((view) => view.setPanes(panes));
  }

  async #frame(pieceBytes: number): Promise<void> {
    // While a frame is on its way the newest picture waits.
    while (this.#writer.busy) {
      this.#takes = pieceBytes;
      this.#writer.flush();
      if (!this.#writer.busy) await this.#checkEnd();
    }
    const { bytes, versions } = this.#presenter.frame();
    assert.equal(grammarProblem(bytes), undefined);
    assert.equal(this.#presenter.view.changed, false, 'all of it was composed');
    this.#expected = this.#composedAnew(versions);
    this.#takes = pieceBytes;
    this.#writer.writeFrame(bytes);
    if (!this.#writer.busy) await this.#checkEnd();
  }

  #composedAnew(versions: ReadonlyMap<string, number>): Expected {
    const view = new View({ ...FIRST_SIZE, session: 'main' });
    for (const tell of this.#told) tell(view);
    const { grid, cursor, versions: now } = view.compose();
    assert.deepEqual(versions, now, 'every pane is shown as it is');
    return { cells: seenOfGrid(grid), cursor: cursor.visible ? cursor : undefined };
  }

  async #checkEnd(): Promise<void> {
    await this.#host.write(Buffer.concat(this.#pending.splice(0)));
    if (this.#expected === undefined) return;
    assert.deepEqual(this.#host.cells(), this.#expected.cells);
    const { cursor } = this.#expected;
    if (cursor === undefined) return;
    assert.deepEqual(this.#host.cursor, { column: cursor.column, row: cursor.row });
  }
}

describe('a terminal at the end of each frame', () => {
  it('shows one version of everything, with frames cut, skipped and resized', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (all, synchronized) => {
        await new Scene(synchronized).play(all);
      }),
      { seed: 20_260_120, numRuns: 150 },
    );
  });
});
