/** What works by ffmpeg in a process that has hardly a descriptor left. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { withoutFfmpeg } from './camera-clips.js';
import { Program } from './program.js';
import { Runtime } from './runtime.js';
import { AAC, makeSoundClip } from './sound-clips.js';

describe('with too few descriptors', { skip: withoutFfmpeg ?? false }, () => {
  it('an ffmpeg says so, a camera goes on once there are some, and nothing leaks', async (test) => {
    const runtime = new Runtime(test);
    mkdirSync(runtime.directory, { mode: 0o700 });
    const { directory } = runtime;
    const clip = makeSoundClip(directory, 'clip.mp4', AAC, { seconds: 1 });
    const program = new Program(
      'full-table-video-program',
      { directory, clip },
      // A group of its own: kill(2) with the id of a process that was never started is for all of the group.
      { wrapper: ['sh', '-c', 'ulimit -n 512 && exec "$0" "$@"'], detached: true },
    );
    const results = JSON.parse(await program.line()) as Record<string, string[]>;
    for (const [name, outcomes] of Object.entries(results)) {
      const allowed = name.startsWith('child')
        ? ['started', 'TOO_MANY_FILES']
        : ['done', 'lost: TOO_MANY_FILES', 'decoder: TOO_MANY_FILES'];
      const others = outcomes.filter((outcome) => !allowed.includes(outcome));
      assert.deepEqual(others, [], `${name}: ${outcomes.join(', ')}`);
      const isTold = name === 'encoder' || outcomes[0]?.endsWith('TOO_MANY_FILES');
      assert.ok(isTold, `${name}: ${outcomes.join(', ')}`);
      assert.equal(outcomes.at(-1), allowed[0], `${name}: ${outcomes.join(', ')}`);
    }
  });
});
