/** What an agent's terminal shows: bytes in, cells out, over xterm's emulator. */
export { AgentScreen, SYNCHRONIZED_UPDATE_MS, type AgentScreenOptions } from './agent-screen.js';
export type { ScreenSignal } from './signals.js';
export { Utf8Alignment } from './utf8-alignment.js';
