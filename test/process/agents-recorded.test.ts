/** All agents of a session on one clock in one file, recorded as they run and shown again. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { AgentStage, pause } from './agent-stage.js';

describe('a recording of agents that run', () => {
  const stage = new AgentStage();
  after(() => stage.close());

  it('has the lines of all of them in the order in which they were written', async () => {
    const loop = 'while read -r line; do echo "$0 has $line"; done';
    await stage.agents(
      ...['new', '--name', 'one', '--name', 'two'],
      ...['--', 'sh', '-c', loop, 'one', '---', 'sh', '-c', loop, 'two'],
    );
    const file = join(stage.state, 'all.mcap');
    const recording = stage.stage.start(['record', 'agent/*', file, '--label', 'recorder']);
    for (const name of ['one', 'two']) await untilRead(`agent/${name}`);
    const expected: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      const name = turn % 2 === 0 ? 'one' : 'two';
      await stage.ask('send', { name, text: `turn-${turn}`, enter: true });
      await stage.shows(name, new RegExp(`^${name} has turn-${turn}$`, 'm'));
      expected.push(`${name}  │ ${name} has turn-${turn}`);
    }
    recording.signal('SIGINT');
    await recording.ended;
    const { code, out, err } = await stage.stage.run(['replay', file, '--show', '--speed', 'max']);
    assert.equal(code, 0, err);
    const lines = out.split('\n').filter((line) => / has turn-/.test(line));
    assert.deepEqual(
      lines.map((line) => line.replace(/^ *[\d:.]+ /, '')),
      expected,
    );
    const times = lines.map((line) => /^ *([\d:.]+) /.exec(line)?.[1] ?? '');
    assert.deepEqual(times.toSorted(), times);
  });

  /** Until the recording reads it, beside the host. */
  async function untilRead(channel: string): Promise<void> {
    for (;;) {
      const { out } = await stage.stage.run(['info', channel, '--json']);
      if (out.includes('"recorder"')) return;
      await pause();
    }
  }
});
