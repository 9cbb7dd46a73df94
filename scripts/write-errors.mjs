/**
 * Writes docs/errors.md from the table of error codes: node scripts/write-errors.mjs [--check]
 * With --check it writes nothing and fails when the page is not what it would write. Build src/core first.
 */
import { join } from 'node:path';
import { ERROR_TABLE } from '../dist/src/core/errors.js';
import { root } from './command.mjs';
import { writeGenerated } from './generated.mjs';

const INTRODUCTION = `# Errors

Everything foreseeable that goes wrong is a \`SluiceError\`. Narrow on its \`code\`, never on the message:

\`\`\`ts
import { isSluiceError } from 'sluice';

if (isSluiceError(error, 'CHANNEL_IN_USE')) console.error(error.remedy);
\`\`\`

\`details\` holds the facts (what was found, what was needed) as plain data and \`remedy\` what to do. \`sluice help CODE\`
prints the entry of a code. Wrong arguments are the language's own \`TypeError\` and \`RangeError\`.
`;

function section([code, entry]) {
  const causes = entry.causes.map((cause) => `- ${cause}`).join('\n');
  return `## ${code}\n\n${entry.summary}\n\nCauses, in the order to check:\n\n${causes}\n\nRemedy: ${entry.remedy}\n`;
}

const page = [INTRODUCTION, ...Object.entries(ERROR_TABLE).map(section)].join('\n');
writeGenerated(join(root, 'docs/errors.md'), page, 'npm run errors:update');
