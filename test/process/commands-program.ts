/**
 * Commands of `sluice`, one after the other in one process, where a process for each would cost most of a test's time:
 * `commands-program.js '[["agents", "ls"], …]'`. Prints what each printed and its exit code, as JSON.
 */
import { runProgram } from '../../src/cli/program.js';

/** Where a command's lines go from now on. */
function collect(stream: NodeJS.WriteStream): { text: string } {
  const collected = { text: '' };
  stream.write = (piece: string | Uint8Array, ...rest: unknown[]) => {
    collected.text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
    const done = rest.find((argument) => typeof argument === 'function');
    if (done !== undefined) process.nextTick(done as () => void);
    return true;
  };
  return collected;
}

const print = process.stdout.write.bind(process.stdout);
const results: { code: number; out: string; err: string }[] = [];
for (const words of JSON.parse(process.argv[2] ?? '[]') as string[][]) {
  const out = collect(process.stdout);
  const err = collect(process.stderr);
  const code = await runProgram(words);
  results.push({ code, out: out.text, err: err.text });
}
print(`${JSON.stringify(results)}\n`, () => process.exit());
