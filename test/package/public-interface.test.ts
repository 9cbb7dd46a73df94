import { describe, it } from 'node:test';
import { repositoryRoot, runProgram } from './tarball.js';

describe('the public interface', () => {
  it('is the one committed as docs/api/sluice.api.md', () => {
    const words = ['scripts/write-api.mjs', '--check'];
    runProgram(process.execPath, words, { cwd: repositoryRoot });
  });
});
