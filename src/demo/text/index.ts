/** demo text: agents that all talk at once, in one terminal, each line of each compared with what it said. */
export { runTextDemo, type TextDemoOptions, type TextDemoReport } from './text-play.js';
