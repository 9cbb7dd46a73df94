/** input: bytes of the user's terminal as keys, and keys as the bytes a program in a pane expects. Pure. */
export { InputDecoder } from './input-decoder.js';
export type {
  FocusEvent,
  InputEvent,
  KeyEvent,
  MouseButton,
  MouseEvent,
  PasteEvent,
  ReplyEvent,
} from './input-event.js';
export { type Key, NAMED_KEYS, keyName, keyOf, parseKeyName, sameKey } from './key.js';
export { type EditResult, LineEditor, type LineEditorOptions } from './line-editor.js';
export { encodeKey, encodeMouse, encodePaste } from './key-encoder.js';
