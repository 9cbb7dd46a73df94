import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AgentStage } from './agent-stage.js';

describe('a session of agents', () => {
  it('starts agents again, as they were told to', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const once = `[ -e ${stage.state}/mark ] && exec sleep 1000; touch ${stage.state}/mark; exit 7`;
    await stage.agents('new', '--name', 'again', '--restart', 'on-failure', '--', 'sh', '-c', once);
    const info = await stage.until(
      'again',
      ({ restarts, status }) => restarts === 1 && status === 'running',
    );
    assert.equal(info.exitCode, undefined);
  });

  it('is described by a file, whose mistakes are told with their lines', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    const file = join(stage.state, 'agents.yaml');
    const lines = [
      'agents:',
      '  one:',
      '    command: echo "$WHO in $(basename "$PWD")"; sleep 1000',
      '    env: {WHO: me}',
      '    size: 100x30',
    ];
    writeFileSync(
      file,
      `${lines.join('\n')}\n  two:\n    commnad: [sleep, "1"]\n  Three:\n    command: [sleep]\n`,
    );
    const wrong = await stage.run('new', '--file', file);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /agents\.yaml:7:5: agents\.two\.commnad: [^\n]*Did you mean command\?/);
    assert.match(wrong.err, /agents\.yaml:6:3: agents\.two\.command: is missing/);
    assert.match(wrong.err, /agents\.yaml:8:3: agents\.Three: /);
    assert.equal((await stage.run('ls')).code, 3, 'nothing was started');
    writeFileSync(
      file,
      `${lines.join('\n')}\n  two:\n    command: [sleep, "1000"]\n    cwd: /\n    clipboard: deny\n`,
    );
    await stage.agents('new', '--file', file);
    await stage.shows('one', /^me in sluice-test-agents-/);
    const one = await stage.info('one');
    assert.deepEqual([one.columns, one.rows], [100, 30]);
    const two = await stage.info('two');
    assert.deepEqual([two.directory, two.clipboard, one.clipboard], ['/', 'deny', 'ask']);
  });
});
