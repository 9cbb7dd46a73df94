/** The messages of an agent's channel. */
export { type AgentSubscriberOptions, openAgentSubscriber } from './agent-subscriber.js';
export { TERMINAL_TYPE, TEXT_TYPE, type TextTypeName } from './message-types.js';
export {
  ATTENTION_SOURCES,
  ATTENTION_STATES,
  encodeAttention,
  encodeEnd,
  encodeSize,
  isOneOf,
  MAX_ATTENTION_TEXT,
  parseAttention,
  parseEnd,
  parseSize,
  TERMINAL_MEDIA_TYPE,
  type Attention,
  type AttentionSource,
  type AttentionState,
  type ProgramEnd,
} from './messages.js';
export { decodeTerminalEvent, encodeTerminalEvent, type TerminalEvent } from './terminal-event.js';
export { announcedSize, MAX_COLUMNS, MAX_ROWS, toldSize, USUAL_SIZE } from './screen-size.js';
export { terminalMessage, type TerminalMessage } from './terminal-message.js';
export {
  TEXT_COLORS,
  TEXT_TYPE_NAMES,
  type TextColor,
  textLine,
  textTypeName,
} from './text-line.js';
