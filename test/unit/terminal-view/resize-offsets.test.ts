/** SIGWINCH while a frame is on its way, at every byte of it: the frame after it is the whole picture at the new size. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paletteColor } from '../../../src/terminal/cells/index.js';
import { FrameWriter } from '../../../src/terminal/output/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { Presenter } from '../../../src/terminal/view/index.js';
import { HostTerminal, seenOfGrid } from '../terminal-output/host-terminal.js';

const FIRST = { columns: 60, rows: 10 };
const SIZES = [
  { columns: 41, rows: 7 },
  { columns: 72, rows: 13 },
];

function openPresenter(screens: readonly AgentScreen[]): Presenter {
  const presenter = new Presenter(
    { ...FIRST, session: 'main' },
    {
      colors: 'truecolor',
      underlineStyles: true,
      hyperlinks: true,
      synchronizedOutput: true,
      kittyKeyboard: false,
    },
  );
  presenter.view.setPanes(
    screens.map((content, index) => ({
      name: `agent-${index}`,
      color: paletteColor(index),
      state: 'working',
      note: '',
      content,
    })),
  );
  return presenter;
}

/** A frame of which the terminal takes `cut` bytes before its size changes, and the rest after. Its length. */
async function resizeAt(cut: number, size: { columns: number; rows: number }): Promise<number> {
  const screens = [0, 1].map(() => new AgentScreen({ columns: 20, rows: 8 }));
  for (const screen of screens) screen.write(Buffer.from('one\r\n\u001b[31mtwo 漢字\u001b[m\r\n'));
  const presenter = openPresenter(screens);
  const host = new HostTerminal(FIRST.columns, FIRST.rows);
  const taken: Uint8Array[] = [];
  let room = Number.POSITIVE_INFINITY;
  const write = (bytes: Uint8Array): number => {
    const count = Math.min(room, bytes.length);
    room -= count;
    taken.push(bytes.slice(0, count));
    return count;
  };
  const writer = new FrameWriter({ write, wantRoom: () => undefined }, () => undefined);
  writer.writeFrame(presenter.frame().bytes);
  screens[1]?.write(
    Buffer.from('\u001b[1;44mthree\u001b[m 漢字\r\nfour\r\nfive\r\nsix\r\nseven\r\n'),
  );
  const frame = presenter.frame().bytes;
  const { length } = frame;
  room = cut;
  writer.writeFrame(frame);
  await host.write(Buffer.concat(taken.splice(0)));
  host.resize(size.columns, size.rows);
  presenter.resize(size.columns, size.rows);
  room = Number.POSITIVE_INFINITY;
  writer.flush();
  assert.equal(writer.busy, false);
  writer.writeFrame(presenter.frame().bytes);
  await host.write(Buffer.concat(taken));
  assert.deepEqual(host.cells(), seenOfGrid(presenter.view.compose().grid), `cut at ${cut}`);
  for (const screen of screens) screen.close();
  return length;
}

describe('a terminal that is resized in the middle of a frame', () => {
  for (const size of SIZES) {
    it(`shows the picture of ${size.columns}x${size.rows} after the next one, wherever it was cut`, async () => {
      const length = await resizeAt(0, size);
      assert.ok(length > 60, `${length} bytes`);
      for (let cut = 1; cut <= length; cut += 1) await resizeAt(cut, size);
    });
  }
});
