/**
 * Hooks of Claude Code (code.claude.com, "Hooks reference") and of Codex (developers.openai.com, "Hooks"), which took
 * over the form of the former: a settings file names a command for an event; the command gets one JSON object on its
 * standard input, with `hook_event_name` and what belongs to the event. What it prints to standard output at
 * UserPromptSubmit becomes part of the prompt, and exit code 2 forbids what was to be done: so the command prints
 * nothing and never ends with 2.
 */
import type { AttentionState } from '../stream/index.js';

export interface HookReport {
  readonly state: AttentionState;
  readonly text: string;
}

/** Program → the events it has that say who waits. Codex has no notifications. */
const EVENTS = {
  claude: ['Notification', 'PermissionRequest', 'Stop', 'UserPromptSubmit'],
  codex: ['PermissionRequest', 'Stop', 'UserPromptSubmit'],
} as const;

export type HookProgram = keyof typeof EVENTS;

export const HOOK_PROGRAMS: readonly HookProgram[] = ['claude', 'codex'];

/** Seconds; the report is given up after that, and the program goes on. */
const TIMEOUT_SECONDS = 10;
/** Where nobody has to do anything. */
const QUIET_NOTIFICATIONS: readonly unknown[] = [
  'auth_success',
  'elicitation_complete',
  'elicitation_response',
];

/** What belongs into `.claude/settings.json` or `.codex/hooks.json`; `command` is how this program is called. */
export function hookSettings(program: HookProgram, command: string): object {
  // Without a session of agents around it the hook is to do nothing.
  const line = `[ -z "$SLUICE_AGENTS" ] || ${command} agents report --hook ${program}`;
  const hook = [{ hooks: [{ type: 'command', command: line, timeout: TIMEOUT_SECONDS }] }];
  return { hooks: Object.fromEntries(EVENTS[program].map((event) => [event, hook])) };
}

/** What an event says of the agent; undefined when it says nothing. `input` is what the hook got, as it came. */
export function hookReport(input: string): HookReport | undefined {
  const event = objectOf(input);
  switch (event['hook_event_name']) {
    case 'Notification':
      if (QUIET_NOTIFICATIONS.includes(event['notification_type'])) return undefined;
      return { state: 'waits', text: textOf(event['message']) };
    case 'PermissionRequest':
      return { state: 'waits', text: permissionText(event) };
    case 'UserPromptSubmit':
      return { state: 'working', text: '' };
    case 'Stop':
      return { state: 'done', text: textOf(event['last_assistant_message']) };
    default:
      return undefined;
  }
}

function permissionText(event: Readonly<Record<string, unknown>>): string {
  const tool = textOf(event['tool_name']);
  const input = event['tool_input'];
  const fields = typeof input === 'object' && input !== null ? Object.values(input) : [];
  const first = fields.find((field) => typeof field === 'string');
  return `Allow ${tool === '' ? 'a tool' : tool}${first === undefined ? '' : `: ${textOf(first)}`}?`;
}

/** The first line, cut. */
function textOf(value: unknown): string {
  if (typeof value !== 'string') return '';
  return (value.trim().split('\n', 1)[0] ?? '').slice(0, 200);
}

function objectOf(input: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(input);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
