/** The bytes of frames on a second emulator of another maker: tmux shows the picture that was encoded. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { CellGrid } from '../../src/terminal/cells/index.js';
import { FrameEncoder } from '../../src/terminal/output/index.js';
import { HostTerminal, type SeenCell, seenOfGrid } from '../unit/terminal-output/host-terminal.js';
import { applyChange, changes } from '../unit/terminal-output/random-grids.js';

const SIZE = { columns: 70, rows: 20 };
const SEQUENCES = 8;
const FRAMES = 40;

function hasTmux(): boolean {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What tmux shows, by way of its own colours and ours as an emulator reads them. */
async function shown(tmux: (...words: string[]) => string): Promise<SeenCell[][]> {
  const host = new HostTerminal(SIZE.columns, SIZE.rows);
  const captured = tmux('capture-pane', '-p', '-e', '-N').replace(/\n$/, '');
  // tmux writes an overline as 5:3, where 53 is meant.
  const lines = captured.replace(/(?<=[[;])5:3(?=[;m])/g, '53').split('\n');
  await host.write(Buffer.from(lines.join('\r\n')));
  return host.cells();
}

async function play(number: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-tmux-'));
  const tmux = (...words: string[]): string =>
    execFileSync('tmux', ['-f', join(folder, 'conf'), '-S', join(folder, 'socket'), ...words], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8', TMUX: '' },
    });
  try {
    writeFileSync(join(folder, 'conf'), 'set -g status off\n');
    const grid = new CellGrid(SIZE.columns, SIZE.rows);
    const encoder = new FrameEncoder({
      ...SIZE,
      colors: 'truecolor',
      underlineStyles: true,
      hyperlinks: true,
      synchronizedOutput: false,
    });
    const cursor = { column: 3, row: 2, visible: true, shape: 'block', blinking: false } as const;
    // tmux knows links from 3.4 on only.
    const drawn = fc.sample(changes(SIZE.columns, SIZE.rows, false), {
      seed: number,
      numRuns: 4 * FRAMES,
    });
    const bytes: Buffer[] = [];
    for (const [index, change] of drawn.entries()) {
      applyChange(grid, change);
      if (index % 4 === 3) bytes.push(Buffer.from(encoder.encode(grid, cursor)));
    }
    const file = join(folder, 'frames');
    writeFileSync(file, Buffer.concat(bytes));
    const program = `stty raw -echo; printf '\\033[?1049h\\033[?7l'; cat ${file}; exec sleep 600`;
    tmux('new-session', '-d', '-x', `${SIZE.columns}`, '-y', `${SIZE.rows}`, program);
    const expected = seenOfGrid(grid);
    let found = await shown(tmux);
    for (let look = 0; look < 500 && !isDeepStrictEqual(found, expected); look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      found = await shown(tmux);
    }
    assert.deepEqual(found, expected);
  } finally {
    try {
      tmux('kill-server');
    } catch {
      // It never started.
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('tmux', { skip: hasTmux() ? false : 'there is no tmux' }, () => {
  it('shows what was encoded', async () => {
    for (let number = 0; number < SEQUENCES; number += 1) await play(number);
  });
});
