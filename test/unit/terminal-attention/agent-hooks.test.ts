import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HOOK_PROGRAMS, hookReport, hookSettings } from '../../../src/terminal/attention/index.js';

const report = (event: object): unknown => hookReport(JSON.stringify(event));

describe('hooks of Claude Code and Codex', () => {
  it('are settings with one quiet command for each event', () => {
    const events = ['PermissionRequest', 'Stop', 'UserPromptSubmit'];
    for (const program of HOOK_PROGRAMS) {
      const { hooks } = hookSettings(program, 'sluice') as {
        hooks: Record<string, { hooks: { type: string; command: string }[] }[]>;
      };
      const known = program === 'claude' ? ['Notification', ...events] : events;
      assert.deepEqual(Object.keys(hooks), known);
      for (const event of known) {
        const [hook] = hooks[event]?.[0]?.hooks ?? [];
        assert.equal(hook?.type, 'command');
        const command = `[ -z "$SLUICE_AGENTS" ] || sluice agents report --hook ${program}`;
        assert.equal(hook.command, command);
      }
    }
  });

  it('become what the agent does', () => {
    const ask = {
      hook_event_name: 'PermissionRequest',
      tool_name: 'Bash',
      tool_input: { command: 'npm i\nx' },
    };
    assert.deepEqual(report(ask), { state: 'waits', text: 'Allow Bash: npm i?' });
    const idle = {
      hook_event_name: 'Notification',
      notification_type: 'idle_prompt',
      message: 'Waiting',
    };
    assert.deepEqual(report(idle), { state: 'waits', text: 'Waiting' });
    assert.deepEqual(report({ hook_event_name: 'UserPromptSubmit', prompt: 'x' }), {
      state: 'working',
      text: '',
    });
    assert.deepEqual(report({ hook_event_name: 'Stop' }), { state: 'done', text: '' });
  });

  it('that mean nothing to the user say nothing', () => {
    assert.equal(
      report({ hook_event_name: 'Notification', notification_type: 'auth_success' }),
      undefined,
    );
    assert.equal(report({ hook_event_name: 'PreToolUse' }), undefined);
    for (const input of ['', 'null', '[]', '{', '"Stop"', '{"hook_event_name":{}}']) {
      assert.equal(hookReport(input), undefined, input);
    }
  });

  it('are bounded, whatever they carry', () => {
    const huge = { hook_event_name: 'Notification', message: 'x'.repeat(1 << 20) };
    assert.equal(hookReport(JSON.stringify(huge))?.text.length, 200);
    const odd = { hook_event_name: 'PermissionRequest', tool_name: 7, tool_input: null };
    assert.deepEqual(report(odd), { state: 'waits', text: 'Allow a tool?' });
  });
});
