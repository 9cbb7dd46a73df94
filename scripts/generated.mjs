/** Writes a generated file, or with --check on the command line compares it with what is committed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** `command` is what brings the file up to date; it is named when the check fails. */
export function writeGenerated(path, text, command) {
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
    return;
  }
  const found = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (found === text) return;
  const before = found.split('\n');
  const after = text.split('\n');
  const line = after.findIndex((wanted, index) => wanted !== before[index]);
  const at = line === -1 ? after.length : line;
  console.error(
    `${path} is not current; run: ${command}\nThe first difference is at line ${at + 1}:\n` +
      `- ${before[at] ?? '(end of file)'}\n+ ${after[at] ?? '(end of file)'}`,
  );
  process.exitCode = 1;
}
