import { describe, it } from 'node:test';
import { measuresEverything } from './bench-run.js';

describe('the suite of terminals', () => {
  it('measures everything, loses no byte, and leaves nothing behind', (test) =>
    measuresEverything(test, 'terminal'));
});
