/** `sluice replay --show` and `--out`, and `sluice record --layout`: recorded agents on a terminal, in lines, as asciicasts. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { bytes, openPublisher, text } from '../../src/index.js';
import { CastReader } from '../../src/terminal/cast/index.js';
import { encodeEnd, TERMINAL_MEDIA_TYPE, TERMINAL_TYPE } from '../../src/terminal/stream/index.js';
import { SCENE, SIZE, STARTED_MS, writeMcap } from '../unit/cli/recorded-agents.js';
import { HostTerminal } from '../unit/terminal-output/host-terminal.js';
import { pause } from './agent-stage.js';
import { Stage } from './cli-program.js';
import { Desk } from './desk.js';

describe('agents that were recorded', () => {
  const stage = new Stage();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-replay-'));
  const all = join(folder, 'all.mcap');
  after(async () => {
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const written = writeMcap(all, SCENE);
  const environment = { SLUICE_DIR: stage.directory };

  async function desk(test: TestContext, ...words: readonly string[]): Promise<Desk> {
    await written;
    const size = { columns: 110, rows: 24 };
    return Desk.open(test, { words: ['replay', all, '--show', ...words], size, environment });
  }

  it('are shown on a terminal, where keys go to any moment and choose who is seen', async (test) => {
    const user = await desk(test);
    await user.shows(
      / 1 [^]* fix [^]* log [^]*fix begins[^]* test [^]*▶ .* \/ 10:00 ×1 │ 4 agents/,
    );
    assert.doesNotMatch(user.text, /goes on/);
    user.type('\u001b[F');
    await user.shows(/log of an error[^]*fix ends[^]*■ .* 10:00 \/ 10:00/);
    await user.shows(/test · failed · exited with 2[^]*tests 2\/2/);
    user.type('\u001b[H ');
    // What was shown stays until the moment is there.
    await user.shows(/^(?![^]*(?:goes on|ends|log of|tests))[^]*‖ .* 0:0\d \/ 10:00/);
    user.type('\u001b[A');
    await user.shows(/fix goes on[^]*‖ .* 1:0\d \/ 10:00/);
    user.type('m');
    await user.shows(/^(?![^]*fix begins)[^]*│ 3 of 4 agents/);
    user.type('as');
    await user.shows(/log of an error[^]*│ 1 of 4 agents/);
    user.type('?');
    await user.shows(/five seconds back/);
    user.type('xq');
    assert.deepEqual(await user.process.ended, { exitCode: 0, signal: undefined });
    assert.equal(user.alternate, false);
  });

  it('are shown from a time on, in a layout, fast, without long pauses, until their end', async (test) => {
    const words = ['--from', '90', '--layout', 'focus', '--solo', 'test,fix', '--speed', '8'];
    const user = await desk(test, ...words, '--idle-limit', '2');
    await user.shows(/ agents 2 [^]*tests 2\/2[^]*×8 │ 2 of 4 agents/);
    await user.shows(/■ .* 10:00 \/ 10:00/);
    user.type('\u0003');
    assert.deepEqual(await user.process.ended, { exitCode: 0, signal: undefined });
    const other = await desk(test, '--exit', '--speed', 'max');
    assert.deepEqual(await other.process.ended, { exitCode: 0, signal: undefined });
  });

  it('are lines with their times where the output is no terminal', async () => {
    await written;
    const { code, out, err } = await stage.run(['replay', all, '--show', '--mute', 'plan']);
    assert.equal(code, 0, err);
    assert.deepEqual(out.split('\n'), [
      ' 0:00.1 fix  │ fix begins',
      ' 0:01.0 log  │ log of an error',
      ' 0:59.0 fix  │ fix goes on',
      ' 1:00.0 test │ tests 1/2',
      ' 1:01.0 test │ tests 2/2',
      '10:00.0 fix  │ fix ends',
      '',
    ]);
  });

  it('become one asciicast in a layout, the same bytes each time, without a terminal', async () => {
    await written;
    const words = ['--layout', 'grid', '--size', '90x20', '--idle-limit', '5', '--json'];
    const files = [join(folder, 'one.cast'), join(folder, 'two.cast')];
    for (const file of files) {
      const { code, out, err } = await stage.run(['replay', all, '--out', file, ...words]);
      assert.equal(code, 0, err);
      const { events, bytes: size } = JSON.parse(out) as { events: number; bytes: number };
      assert.ok(events >= 8);
      assert.equal(size, readFileSync(file).byteLength);
    }
    assert.deepEqual(readFileSync(files[0]!), readFileSync(files[1]!));
    const host = new HostTerminal(90, 20);
    const lines = readFileSync(files[0]!, 'utf8').trimEnd().split('\n');
    const reader = new CastReader('one.cast');
    let lastMs = 0;
    for (const line of lines) {
      const event = reader.read(line);
      if (event?.type !== 'output') continue;
      lastMs = event.timeMs;
      await host.write(Buffer.from(event.text));
    }
    assert.equal(reader.header?.timestamp, STARTED_MS / 1000);
    assert.ok(lastMs < 30_000, 'ten minutes with short pauses');
    const shown = host.text().join('\n');
    assert.match(shown, /fix ends[^]*log of an error|log of an error[^]*fix ends/);
    assert.match(shown, /all │ 4 agents │ nobody waits$/);
  });

  it('become an asciicast of one of them, as it was', async () => {
    await written;
    const file = join(folder, 'fix.cast');
    const { code, err } = await stage.run(['replay', all, '--out', file, '--solo', 'fix']);
    assert.equal(code, 0, err);
    const [header = '', ...events] = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.deepEqual(JSON.parse(header), {
      version: 3,
      term: { cols: 40, rows: 8, type: 'xterm-256color' },
      timestamp: STARTED_MS / 1000,
      title: 'fix',
    });
    assert.deepEqual(
      events.map((line) => JSON.parse(line) as unknown),
      [
        [0.1, 'o', '\u001b[32mfix begins\u001b[m\r\n'],
        [58.9, 'o', 'fix goes on\r\n'],
        [541, 'o', 'fix ends\r\n'],
      ],
    );
  });

  it('are recorded in a layout as they run', async (test) => {
    const file = join(folder, 'live.cast');
    const recording = stage.start([
      'record',
      'agent/*',
      file,
      '--layout',
      'grid',
      '--size',
      '60x12',
      '--json',
    ]);
    await recording.shows(/"event":"open"/);
    const { directory } = stage;
    const userData = { kind: 'terminal', ...SIZE };
    const one = await openPublisher('agent/one', {
      format: bytes(TERMINAL_MEDIA_TYPE),
      directory,
      userData,
    });
    const two = await openPublisher('agent/two', { format: text(), directory });
    test.after(() => Promise.all([one.close(), two.close()]));
    one.trySend(Buffer.from('first words'), { type: TERMINAL_TYPE.output });
    two.trySend('a line of text', { type: 1 });
    const shows = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(readFileSync(file, 'utf8'))) await pause();
    };
    await shows(/first words/);
    await shows(/a line of text/);
    one.trySend(Buffer.from('\r\nlast words'), { type: TERMINAL_TYPE.output });
    one.trySend(encodeEnd({ exitCode: 0 }), { type: TERMINAL_TYPE.exit });
    await shows(/last words/);
    recording.signal('SIGINT');
    const { code, out } = await recording.ended;
    assert.equal(code, 130);
    assert.match(out, /"event":"end".*"lost":0/);
    const host = new HostTerminal(60, 12);
    const reader = new CastReader(file);
    for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
      const event = reader.read(line);
      if (event?.type === 'output') await host.write(Buffer.from(event.text));
    }
    const shown = host.text().join('\n');
    assert.match(shown, /✓ one · done[^]*first words[^]*last words/);
    assert.match(shown, /a line of text[^]*agent\/\* │ 2 agents │ nobody waits$/);
  });
});
