/** The messages of an agent's channel. */
export { TERMINAL_TYPE, TEXT_TYPE, type TextTypeName } from './message-types.js';
