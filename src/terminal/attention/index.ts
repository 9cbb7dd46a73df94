/** Who waits for the user: what agents say of themselves, what is guessed, and in which order they are looked at. Pure. */
export { AgentAttention, SILENCE_MS } from './agent-attention.js';
export { Announcements } from './announcements.js';
export { inOrderOfNeed, nextInNeed, type InNeed } from './queue.js';
export {
  HOOK_PROGRAMS,
  hookReport,
  hookSettings,
  type HookProgram,
  type HookReport,
} from './agent-hooks.js';
