import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claudeHookReport, claudeHookSettings } from '../../../src/terminal/attention/index.js';

const report = (event: object): unknown => claudeHookReport(JSON.stringify(event));

describe('hooks of Claude Code', () => {
  it('are settings with one quiet command for four events', () => {
    const { hooks } = claudeHookSettings('sluice') as {
      hooks: Record<string, { hooks: { type: string; command: string }[] }[]>;
    };
    const events = ['Notification', 'PermissionRequest', 'Stop', 'UserPromptSubmit'];
    assert.deepEqual(Object.keys(hooks), events);
    for (const event of events) {
      const [hook] = hooks[event]?.[0]?.hooks ?? [];
      assert.equal(hook?.type, 'command');
      assert.match(
        hook?.command ?? '',
        /^\[ -z "\$SLUICE_AGENTS" \] \|\| sluice agents report --hook claude$/,
      );
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
      assert.equal(claudeHookReport(input), undefined, input);
    }
  });

  it('are bounded, whatever they carry', () => {
    const huge = { hook_event_name: 'Notification', message: 'x'.repeat(1 << 20) };
    assert.equal(claudeHookReport(JSON.stringify(huge))?.text.length, 200);
    const odd = { hook_event_name: 'PermissionRequest', tool_name: 7, tool_input: null };
    assert.deepEqual(report(odd), { state: 'waits', text: 'Allow a tool?' });
  });
});
