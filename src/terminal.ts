/** sluice/terminal: programs run in terminals of their own, many of them shown in one. */
export * from './terminal/index.js';
