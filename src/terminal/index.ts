/** terminal: programs in terminals of their own, their screens beside each other, over bus. */
export { TERMINAL_TYPE, TEXT_TYPE, type TextTypeName } from './stream/index.js';
