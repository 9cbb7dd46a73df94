/**
 * Writes docs/api/*.api.md, the public declarations of each entry as one page: node scripts/write-api.mjs [--check]
 *
 * A change of the public interface shows there as a difference to review. With --check it writes nothing and fails
 * when a page is not what it would write. Build src first: the declarations are read from dist/.
 * API Extractor brings its own compiler, since the one that builds Sluice has no interface for programs.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { root } from './command.mjs';
import { writeGenerated } from './generated.mjs';

/** What package.json exports: how it is imported, its declarations, its page in docs/api/. */
const ENTRIES = [
  { name: 'sluice', declarations: 'dist/src/index.d.ts', page: 'sluice.api.md' },
  { name: 'sluice/cuda', declarations: 'dist/src/cuda.d.ts', page: 'sluice-cuda.api.md' },
  { name: 'sluice/video', declarations: 'dist/src/video.d.ts', page: 'sluice-video.api.md' },
  {
    name: 'sluice/terminal',
    declarations: 'dist/src/terminal.d.ts',
    page: 'sluice-terminal.api.md',
  },
];

const headingOf = (name) => `# Public interface of \`${name}\`

Generated from the declarations by \`npm run api:update\`; a test compares them.
`;

function configuration(declarations, reportFolder) {
  const entry = join(root, declarations);
  const silent = { logLevel: 'none', addToApiReportFile: false };
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: entry,
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            lib: ['ES2022', 'ESNext.Disposable'],
            module: 'NodeNext',
            moduleResolution: 'NodeNext',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
          },
          files: [entry],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: 'sluice',
        reportFolder,
        reportTempFolder: reportFolder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        tsdocMessageReporting: { default: silent },
        extractorMessageReporting: {
          default: silent,
          // A type that callers meet but cannot name, and an export without a doc comment, show in the page.
          'ae-forgotten-export': { logLevel: 'none', addToApiReportFile: true },
          'ae-undocumented': { logLevel: 'none', addToApiReportFile: true },
        },
      },
    },
  });
}

/**
 * The declarations inside the report's code block; the text around them changes with the tool's version. Line numbers
 * are left out, since they would change with every edit, and so is the list of members without a comment at its end.
 */
function extractDeclarations(declarations) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-api-'));
  try {
    const result = Extractor.invoke(configuration(declarations, folder), {
      localBuild: true,
      messageCallback: (message) => {
        if (message.logLevel !== 'error') message.logLevel = 'none';
      },
    });
    if (result.errorCount > 0) throw new Error('API Extractor could not read the declarations');
    const report = readFileSync(join(folder, 'sluice.api.md'), 'utf8');
    return /```ts\n[\s\S]*\n```\n/
      .exec(report)[0]
      .replace(/^\/\/ .*\(ae-undocumented\).*\n/gm, '')
      .replace(/(\.d\.ts):\d+:\d+ /g, '$1 ');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const { name, declarations, page } of ENTRIES) {
  const text = `${headingOf(name)}\n${extractDeclarations(declarations)}`;
  writeGenerated(join(root, 'docs/api', page), text, 'npm run api:update');
}
