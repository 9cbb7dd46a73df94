import { describe, it } from 'node:test';
import { repositoryRoot, runProgram } from './tarball.js';

describe('the public interface', () => {
  it('is the one committed in docs/api, for each entry of the package', () => {
    const words = ['scripts/write-api.mjs', '--check'];
    runProgram(process.execPath, words, { cwd: repositoryRoot });
  });
});
