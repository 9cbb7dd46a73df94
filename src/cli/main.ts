#!/usr/bin/env node
/**
 * The command `sluice`. A plain `sluice ls` goes its own short way, because people and scripts call it
 * often: the parser of the other commands takes longer to load than the listing takes to do.
 */
import { execute } from './run.js';

async function main(words: readonly string[]): Promise<number> {
  if (words[0] === 'ls') {
    const { ls, plainArguments } = await import('./commands/ls.js');
    const plain = plainArguments(words.slice(1));
    if (plain !== undefined) return execute((run) => ls(run, plain.pattern), plain.options);
  }
  const { runProgram } = await import('./program.js');
  return runProgram(words);
}

// Whatever a command left open, a pipe being read or a socket, must not keep the process.
process.exit(await main(process.argv.slice(2)));
