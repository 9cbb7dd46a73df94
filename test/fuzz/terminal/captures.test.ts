/** Real programs beside each other in one view: each as it is alone, and nothing but frames on the user's terminal. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CELL_WORDS, CellGrid, paletteColor } from '../../../src/terminal/cells/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { View } from '../../../src/terminal/view/index.js';
import { FrameEncoder } from '../../../src/terminal/output/index.js';
import { Arrangement } from '../../../src/terminal/view/arrangement.js';
import type { Rect } from '../../../src/terminal/view/grid-layout.js';
import { HostTerminal, seenOfGrid } from '../../unit/terminal-output/host-terminal.js';
import { grammarProblem } from '../../unit/terminal-output/output-grammar.js';
import { type Capture, type CaptureEvent, readCaptures } from './captures.js';

/** Each pane has room for a whole screen, as the captures have it at most. */
const SIZE = { columns: 420, rows: 100 };
const FRAMES = 40;
/** The user's terminal is an emulator, and slow: looked at so often. */
const LOOKS = 8;

const CAPABILITIES = {
  colors: 'truecolor',
  underlineStyles: true,
  hyperlinks: true,
  synchronizedOutput: false,
} as const;

/** Pieces of all captures in an order that `choices` decides, each with the place of its capture. */
function mixed(captures: readonly Capture[], choices: readonly number[]) {
  const positions = captures.map(() => 0);
  const steps: { readonly place: number; readonly event: CaptureEvent }[] = [];
  const open = captures.map((_, place) => place);
  for (let turn = 0; open.length > 0; turn += 1) {
    const place = open[(choices[turn % choices.length] as number) % open.length] as number;
    const { events } = captures[place] as Capture;
    steps.push({ place, event: events[positions[place] as number] as CaptureEvent });
    positions[place] = (positions[place] as number) + 1;
    if (positions[place] === events.length) open.splice(open.indexOf(place), 1);
  }
  return steps;
}

function apply(screen: AgentScreen, event: CaptureEvent): void {
  if (event.type === 'size') screen.resize(event.columns, event.rows);
  else screen.write(event.bytes);
}

/** The same, cut only where the size changes. */
function joined(events: readonly CaptureEvent[]): CaptureEvent[] {
  const all: CaptureEvent[] = [];
  for (const event of events) {
    const last = all.at(-1);
    if (event.type === 'output' && last?.type === 'output') {
      all[all.length - 1] = { type: 'output', bytes: Buffer.concat([last.bytes, event.bytes]) };
    } else all.push(event);
  }
  return all;
}

function cellsAlone(screen: AgentScreen, { columns, rows }: Rect): Uint32Array {
  const grid = new CellGrid(columns, rows);
  for (let row = 0; row < Math.min(rows, screen.rows); row += 1) {
    screen.copyLine(screen.historyLines + row, grid, row, 0, columns);
  }
  return grid.words;
}

function cellsIn(picture: CellGrid, { column, row, columns, rows }: Rect): Uint32Array {
  const words = new Uint32Array(columns * rows * CELL_WORDS);
  for (let y = 0; y < rows; y += 1) {
    const start = picture.at(column, row + y);
    const line = picture.words.subarray(start, start + columns * CELL_WORDS);
    words.set(line, y * columns * CELL_WORDS);
  }
  return words;
}

/** Where the view puts its panes. */
function bodies(count: number): readonly Rect[] {
  const area = { column: 0, row: 0, columns: SIZE.columns, rows: SIZE.rows - 1 };
  const arrangement = new Arrangement('grid', area);
  arrangement.setPanes(panesOf(Array.from({ length: count }, () => new AgentScreen(SIZE))));
  return [...arrangement.layout.places.values()].map(({ body }) => body);
}

function panesOf(screens: readonly AgentScreen[]) {
  return screens.map((content, index) => ({
    name: `agent-${index}`,
    color: paletteColor(index),
    state: 'working' as const,
    note: '',
    content,
  }));
}

describe('real programs beside each other', () => {
  it('each have the cells that they have alone, and frames are of the kinds that are allowed', async () => {
    const captures = readCaptures();
    const open = (): AgentScreen[] => captures.map((capture) => new AgentScreen(capture));
    const screens = open();
    const alone = open();
    const view = new View({ ...SIZE, session: 'main' });
    view.setPanes(panesOf(screens));
    const places = bodies(captures.length);
    assert.ok(places.every(({ columns, rows }) => columns >= 100 && rows >= 30));
    const encoder = new FrameEncoder({ ...SIZE, ...CAPABILITIES });
    const host = new HostTerminal(SIZE.columns, SIZE.rows);
    const [choices = []] = fc.sample(fc.array(fc.nat(1000), { minLength: 500, maxLength: 500 }), {
      seed: 20_264,
      numRuns: 1,
    });
    const steps = mixed(captures, choices);
    const every = Math.ceil(steps.length / FRAMES);
    const unplayed = captures.map((): CaptureEvent[] => []);
    for (const [index, { place, event }] of steps.entries()) {
      apply(screens[place] as AgentScreen, event);
      unplayed[place]?.push(event);
      if ((index + 1) % every !== 0 && index + 1 < steps.length) continue;
      const { grid, cursor } = view.compose();
      const bytes = encoder.encode(grid, cursor);
      assert.equal(grammarProblem(bytes), undefined);
      await host.write(bytes.slice());
      if (Math.floor(index / every) % (FRAMES / LOOKS) === 0) {
        assert.deepEqual(host.cells(), seenOfGrid(grid));
      }
      for (const [pane, screen] of alone.entries()) {
        for (const piece of joined(unplayed[pane]?.splice(0) ?? [])) apply(screen, piece);
        const body = places[pane] as Rect;
        assert.deepEqual(cellsIn(grid, body), cellsAlone(screen, body), captures[pane]?.name);
      }
    }
    for (const screen of [...screens, ...alone]) screen.close();
  });
});
