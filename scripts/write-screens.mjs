/**
 * Writes the screenshots of docs/agents.md: node scripts/write-screens.mjs [--check]
 * The pictures are composed by the view itself, of screens that were fed with what programs print. With --check it writes
 * nothing and fails when one is not what it would write. Build src before.
 */
import { join } from 'node:path';
import { paletteColor } from '../dist/src/terminal/cells/index.js';
import { InputDecoder } from '../dist/src/terminal/input/index.js';
import { AgentScreen } from '../dist/src/terminal/screen/index.js';
import { View } from '../dist/src/terminal/view/index.js';
import { root } from './command.mjs';
import { writeGenerated } from './generated.mjs';
import { gridToSvg } from './grid-to-svg.mjs';

const ESC = '\u001b';
const dim = (text) => `${ESC}[2m${text}${ESC}[22m`;
const bold = (text) => `${ESC}[1m${text}${ESC}[22m`;
const color = (code, text) => `${ESC}[${code}m${text}${ESC}[39m`;
const green = (text) => color(32, text);
const orange = (text) => color('38;2;215;119;87', text);

const FIX = [
  `${orange('●')} The token is compared before it is trimmed, so a line`,
  `  end from the environment makes it wrong.`,
  '',
  `${green('●')} ${bold('Update')}(src/auth/token.ts)`,
  `  ${dim('12')}   const token = process.env.TOKEN;`,
  `  ${ESC}[48;2;71;34;40m${dim('13')} - return sha256(token) === expected;${ESC}[49m`,
  `  ${ESC}[48;2;30;62;42m${dim('13')} + return timingSafeEqual(sha256(token.trim()), expected);${ESC}[49m`,
  '',
  `${orange('✳')} Running the tests… ${dim('(12 s · esc to interrupt)')}`,
  '',
  `${dim('>')} `,
];

const REVIEW = [
  `${green('●')} ${bold('Read')}(src/ring/slots-writer.ts)`,
  `${green('●')} ${bold('Search')}(pattern: "Atomics.store")`,
  '',
  `${color(33, '◆')} ${bold('Bash command')}`,
  '    npm install --save-exact fast-check@4.10.2',
  '',
  '  Do you want to proceed?',
  `  ${color(36, '❯ 1. Yes')}`,
  '    2. No, and tell the agent what to do',
];

const TESTS = [
  `${dim('$')} npm test -- unit/terminal`,
  ...[
    ['frame-encoder', 812],
    ['frame-writer', 96],
    ['grammar', 2078],
    ['view', 158],
    ['input', 241],
    ['atomicity', 7263],
  ].map(([file, ms]) => `${green('✓')} ${file} ${dim(`${ms} ms`)}`),
  `${color(36, '⠸')} ${ESC}[42m${' '.repeat(22)}${ESC}[49m${dim('░'.repeat(8))} 22/30`,
];

const SERVER = [
  ...['GET /', 'GET /app.js', 'POST /login', 'GET /frames/door', 'GET /frames/yard'].map(
    (request, index) =>
      `${dim(`12:00:0${index}`)} ${color(index === 2 ? 33 : 32, index === 2 ? 401 : 200)} ${request}`,
  ),
  `${dim('12:00:07')} ${color(31, '500')} GET /frames/gate ${dim('no camera')}`,
];

const DONE = [
  `${dim('$')} npm run build`,
  `${dim('>')} tsc -b`,
  `${green('built')} 612 files in 8.1 s`,
];

const AGENTS = [
  { name: 'fix-auth', code: 6, state: 'working', note: '', lines: FIX },
  { name: 'review', code: 5, state: 'waits', note: 'Allow npm install?', lines: REVIEW },
  { name: 'tests', code: 4, state: 'working', note: '', lines: TESTS },
  { name: 'server', code: 2, state: 'quiet', note: '', lines: SERVER },
  { name: 'build', code: 3, state: 'done', note: 'exit 0', lines: DONE },
];

const PLAYED = {
  paused: false,
  seeking: false,
  positionMs: 754_000,
  lengthMs: 1_320_000,
  speed: 4,
  hidden: 2,
};

/** `agents`: how many of them are shown; `playback`: of a recording. */
function picture(columns, rows, keys, agents = AGENTS.length, playback = undefined) {
  const purpose = playback === undefined ? 'session' : 'playback';
  const view = new View({ columns, rows, session: 'main', purpose });
  if (playback !== undefined) view.setPlayback(playback);
  const panes = AGENTS.slice(0, agents).map(({ name, code, state, note }) => ({
    name,
    color: paletteColor(code),
    state,
    note,
    content: new AgentScreen({ columns: 80, rows: 24 }),
  }));
  view.setPanes(panes);
  const decoder = new InputDecoder();
  for (const event of [...decoder.feed(Buffer.from(keys)), ...decoder.timeout()])
    view.handle(event);
  for (const [index, { content, name }] of panes.entries()) {
    const size = view.paneSize(name) ?? { columns: 80, rows: 24 };
    content.resize(size.columns, size.rows);
    content.write(Buffer.from(AGENTS[index].lines.join('\r\n')));
  }
  const { grid, cursor } = view.compose();
  const svg = gridToSvg(grid, cursor);
  for (const { content } of panes) content.close();
  return svg;
}

const COMMAND = 'npm run screens:update';
writeGenerated(join(root, 'docs/agents-grid.svg'), picture(132, 36, ''), COMMAND);
writeGenerated(join(root, 'docs/agents-focus.svg'), picture(100, 28, '\u0007f\u0007n'), COMMAND);
writeGenerated(join(root, 'docs/agents-replay.svg'), picture(132, 24, '', 3, PLAYED), COMMAND);
writeGenerated(join(root, 'docs/agents-help.svg'), picture(80, 24, '\u0007?'), COMMAND);
