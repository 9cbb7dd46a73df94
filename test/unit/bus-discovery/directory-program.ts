/**
 * `directory-program`: resolves the default directory, changes the environment, resolves again;
 * prints both.
 */
import { resolveRuntimeDirectory } from '../../../src/bus/directory/runtime-directory.js';

function show(): string {
  try {
    const { path, source, shared } = resolveRuntimeDirectory();
    return JSON.stringify({ path, source, shared });
  } catch (error) {
    return JSON.stringify({ code: error instanceof Error && 'code' in error ? error.code : null });
  }
}

console.log(show());
process.env['SLUICE_DIR'] = '/nonexistent/elsewhere';
console.log(show());
