/** A publisher dies while its subscriber's thread stands in a call of the driver. Over the simulated driver. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { simulatedCuda, simulatedEnvironment } from '../../cuda-simulator/simulator.js';
import { Bench } from './bench.js';

const simulator = simulatedCuda();
const options = { timeout: 30_000, skip: 'skip' in simulator ? simulator.skip : false };
const program = fileURLToPath(new URL('./fence-guard-program.js', import.meta.url));

type Line = Readonly<Record<string, unknown>>;

class Program {
  readonly child: ChildProcess;
  readonly exit: Promise<unknown[]>;
  readonly #lines: AsyncIterator<string>;

  constructor(test: TestContext, ...values: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...values], {
      env: simulatedEnvironment(),
      stdio: ['ignore', 'pipe', values.includes('throw') ? 'ignore' : 'inherit'],
    });
    this.exit = once(this.child, 'exit');
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
    test.after(() => this.child.kill('SIGKILL'));
  }

  /** The next line, or nothing when there is none within `timeoutMs`. */
  async next(timeoutMs = 20_000): Promise<Line | undefined> {
    const line = await Promise.race([this.#lines.next(), after(timeoutMs)]);
    return line?.value === undefined ? undefined : (JSON.parse(line.value) as Line);
  }
}

function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}

/** A publisher in a process of its own, ready to be subscribed to. */
async function published(test: TestContext, way = ''): Promise<[Program, string]> {
  const { directory } = new Bench(test);
  const publisher = new Program(test, 'publish', directory, way);
  assert.deepEqual(await publisher.next(), { published: 'channel' });
  return [publisher, directory];
}

const PENDING = ['pending', 'pending', flags(false)];
const LOST = ['lost', 'ready', flags(true)];

function flags(incomplete: boolean): object {
  return { keyFrame: false, discontinuity: false, incomplete, corrupt: false };
}

/** Lets the subscriber begin what blocks it, then kills the publisher. */
async function kill(publisher: Program, subscriber: Program, before: unknown): Promise<void> {
  assert.deepEqual(await subscriber.next(), { before });
  await after(60);
  publisher.child.kill('SIGKILL');
}

async function endsPromptly(subscriber: Program): Promise<void> {
  assert.deepEqual(await subscriber.next(), { closed: true });
  const closedMs = performance.now();
  assert.deepEqual(await subscriber.exit, [0, null]);
  assert.ok(performance.now() - closedMs < 1000, `took ${performance.now() - closedMs} ms`);
}

describe('the publisher of a pending frame is killed', options, () => {
  for (const way of ['unregister', 'load', 'synchronize']) {
    it(`while the subscriber blocks: ${way}`, async (t) => {
      const [publisher, directory] = await published(t);
      const subscriber = new Program(t, 'block', directory, way);
      await kill(publisher, subscriber, PENDING);
      const killedMs = performance.now();
      const found = await subscriber.next();
      assert.ok(performance.now() - killedMs < 5000, 'the call returns soon');
      // Whether the output's own store has landed is the stream's affair: flagged it is before the stream goes on.
      const [frame, , outputFlags] = (found?.['after'] ?? []) as unknown[];
      assert.deepEqual([frame, outputFlags], [LOST[0], LOST[2]]);
      await endsPromptly(subscriber);
    });
  }

  it('while the subscriber blocks, and nobody watches: it hangs', async (t) => {
    const [publisher, directory] = await published(t);
    const subscriber = new Program(t, 'block', directory, 'unregister', 'no guard');
    await kill(publisher, subscriber, PENDING);
    assert.equal(await subscriber.next(1500), undefined);
  });

  it('while the subscriber computes: the guard decides, and later waits pass', async (t) => {
    const [publisher, directory] = await published(t);
    const subscriber = new Program(t, 'compete', directory);
    await kill(publisher, subscriber, PENDING);
    assert.deepEqual(await subscriber.next(), { after: LOST });
    await endsPromptly(subscriber);
  });

  it('while the subscriber closes and blocks', async (t) => {
    const [publisher, directory] = await published(t);
    const subscriber = new Program(t, 'close', directory);
    await kill(publisher, subscriber, 'closing');
    await endsPromptly(subscriber);
  });
});

describe('a guard', options, () => {
  const ways = [
    ['nothing left to do', '', 0],
    ['exit()', 'exit', 3],
    ['an uncaught exception', 'throw', 1],
  ] as const;
  for (const [what, way, code] of ways) {
    it(`does not delay the end of a process by ${what}`, async (t) => {
      const [, directory] = await published(t, 'idle');
      const subscriber = new Program(t, 'exit', directory, way);
      const exiting = (await subscriber.next())?.['exiting'] as number;
      assert.deepEqual(await subscriber.exit, [code, null]);
      const ms = Date.now() - exiting;
      t.diagnostic(`${ms} ms from the exit hooks to the end`);
      assert.ok(ms < 1000, `took ${ms} ms`);
    });
  }

  it('leaves no descriptor and no thread behind', async (t) => {
    const [, directory] = await published(t, 'idle');
    const subscriber = new Program(t, 'cycles', directory);
    const found = await subscriber.next();
    t.diagnostic(JSON.stringify(found));
    assert.deepEqual(found?.['after'], found?.['before']);
  });
});
