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
      `${lines.join('\n')}\n  two:\n    commnad: [sleep, "1"]\n  Three:\n    command: [sleep]\n  four:\n    command: [sleep, "1"]\n    allow: [title]\n    deny: [title]\n`,
    );
    const wrong = await stage.run('new', '--file', file);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /agents\.yaml:7:5: agents\.two\.commnad: [^\n]*Did you mean command\?/);
    assert.match(wrong.err, /agents\.yaml:6:3: agents\.two\.command: is missing/);
    assert.match(wrong.err, /agents\.yaml:8:3: agents\.Three: /);
    assert.match(wrong.err, /agents\.yaml:13:11: agents\.four\.deny: [^\n]*allow/);
    assert.equal((await stage.run('ls')).code, 3, 'nothing was started');
    writeFileSync(
      file,
      `${lines.join('\n')}\n  two:\n    command: printf '\\033]2;what it does\\a\\033]8;;https://example.org/\\ahere'; exec sleep 1000\n    cwd: /\n    clipboard: deny\n    allow: [title]\n    deny: [hyperlinks]\n`,
    );
    await stage.agents('new', '--file', file);
    await stage.shows('one', /^me in sluice-test-agents-/);
    const one = await stage.info('one');
    assert.deepEqual([one.columns, one.rows], [100, 30]);
    const two = await stage.info('two');
    assert.equal(two.directory, '/');
    await stage.shows('two', /here/);
    assert.equal((await stage.info('two')).title, 'what it does');
    assert.deepEqual(two.permissions, {
      ...one.permissions,
      ...{ clipboard: 'deny', title: true, hyperlinks: false },
    });
    assert.deepEqual(one.permissions, {
      ...{ clipboard: 'ask', hyperlinks: true, notifications: true },
      ...{ title: false, eightBitControls: false },
    });
  });
});
