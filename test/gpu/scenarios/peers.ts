/** Peers that cannot or may not read, that break their own GPU, or that lie: what they are told, and who is harmed. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { listDevices } from '../../../src/gpu/index.js';
import { tensor } from '../../../src/index.js';
import { endAll, Program, type ProgramOptions, until } from '../../process/program.js';
import { openDescriptors } from '../../process/runtime.js';
import { errorOf, GpuRuntime, put, sleep } from '../gpu-runtime.js';
import type { HostileMode } from '../hostile-reader-program.js';
import { delay } from '../integrity.js';
import { freeBytes, options, skipPair, skipUnlessRoot, skipUnlessSimulated } from '../place.js';

/** A user who is not the publisher's, in a group that shares the runtime directory. */
const STRANGER = { uid: 1000, gid: 4242 };
after(endAll);

/** The environment of a child with other GPUs. */
function withEnvironment(variables: Record<string, string>): ProgramOptions {
  return { env: { ...process.env, ...variables } };
}

function reader(
  runtime: GpuRuntime,
  wishes: object,
  how: ProgramOptions = {},
  device: number | null = null,
): Program {
  return runtime.program({ role: 'subscriber', device, options: wishes }, how);
}

/** What a reader says that could not open: the code, the message and the remedy. */
async function refusalOf(program: Program): Promise<{
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}> {
  const line = await program.line();
  const [, code = line, rest = '[]'] = /^failed (\w+) (.*)$/.exec(line) ?? [];
  const [message = '', remedy = ''] = JSON.parse(rest) as string[];
  return { code, message, remedy };
}

/** Opens, takes one frame, and checks it. */
async function expectWhole(program: Program, memory: string): Promise<void> {
  assert.equal(await program.line(), 'open');
  const taken = JSON.parse(await program.ask('take')) as { memory: string; wrong: number };
  assert.deepEqual([taken.memory, taken.wrong], [memory, 0]);
  assert.equal(await program.ask('close'), 'closed');
}

describe('a process without the GPU of the channel', options, () => {
  for (const [name, variables] of [
    ['CUDA_VISIBLE_DEVICES hides all of them', { CUDA_VISIBLE_DEVICES: '' }],
    ['no CUDA driver', { SLUICE_CUDA_LIBRARY: '/nowhere/libcuda.so' }],
  ] as const) {
    it(`${name}: CUDA_UNAVAILABLE, and the copy works`, async (t) => {
      const runtime = new GpuRuntime(t);
      const stream = await runtime.stream();
      put(await runtime.source(), stream, 1);
      await stream.synchronize();
      const how = withEnvironment(variables);
      const { code, message, remedy } = await refusalOf(reader(runtime, {}, how));
      assert.equal(code, 'CUDA_UNAVAILABLE', message);
      assert.match(message, /cannot read frames in place/);
      assert.match(remedy, /copyTo: 'host'/);
      const publishing = { role: 'publisher', channel: 'other', options: {} };
      assert.equal((await refusalOf(runtime.program(publishing, how))).code, 'CUDA_UNAVAILABLE');
      await expectWhole(reader(runtime, { copyTo: 'host' }, how), 'host');
    });
  }

  it(
    'only another one is visible: WRONG_DEVICE, and copies work',
    { skip: skipPair },
    async (t) => {
      const runtime = new GpuRuntime(t);
      const stream = await runtime.stream();
      put(await runtime.source(), stream, 1);
      await stream.synchronize();
      const how = withEnvironment({ CUDA_VISIBLE_DEVICES: '1' });
      const { code, message, remedy } = await refusalOf(reader(runtime, {}, how));
      assert.equal(code, 'WRONG_DEVICE');
      assert.match(message, /does not see that GPU; it sees cuda:0/);
      assert.match(remedy, /CUDA_VISIBLE_DEVICES.*copyTo: 'host' or copyTo: 'cuda:0'/);
      await expectWhole(reader(runtime, { copyTo: 'host' }, how), 'host');
      await expectWhole(reader(runtime, { copyTo: 'cuda' }, how, 0), 'cuda:0');
    },
  );

  it('two GPUs: the other one reads in place, by peer access', { skip: skipPair }, async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const child = runtime.program({
      ...{ role: 'subscriber', device: 1, reads: true },
      options: { delivery: 'every' },
    });
    assert.equal(await child.line(), 'open');
    const checker = await runtime.checker(1);
    const sink = await runtime.sink({ stream: checker.stream, delivery: 'every' });
    for (let value = 1; value <= 30; value++) {
      if (value % 10 === 0) delay(stream, 5);
      put(publisher, stream, value);
      const frame = await sink.receive();
      assert.equal(frame.memory, 'cuda:1');
      checker.check(frame);
      frame.release();
      await until(() => publisher.subscribers.every(({ lag }) => lag < 4));
    }
    await until(() => publisher.subscribers.every(({ lastSequence }) => lastSequence === 30));
    const found = JSON.parse(await child.ask('found')) as object;
    assert.deepEqual(found, { received: 30, last: 30, outOfOrder: 0, wrong: 0, lost: 0 });
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    assert.equal(await child.ask('close'), 'closed');
  });

  it('two GPUs: a publisher on the second one', { skip: skipPair }, async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream(1);
    const publisher = await runtime.source({ memory: 'cuda:1', stream });
    assert.equal(publisher.manifest.device?.uuid, listDevices()[1]?.uuid);
    const foreign = await runtime.stream(0);
    const loan = publisher.tryLoan()!;
    assert.throws(() => loan.publish({ stream: foreign }), { code: 'WRONG_DEVICE' });
    loan[Symbol.dispose]();
    put(publisher, stream, 3);
    await expectWhole(reader(runtime, { device: 1 }, {}, 1), 'cuda:1');
  });

  it(
    'two GPUs without peer access: WRONG_DEVICE, and a named copy',
    { skip: skipUnlessSimulated },
    async (t) => {
      const runtime = new GpuRuntime(t);
      const stream = await runtime.stream();
      put(await runtime.source(), stream, 1);
      await stream.synchronize();
      const how = withEnvironment({ SLUICE_SIMULATED_PEERS: '0' });
      const { code, message, remedy } = await refusalOf(reader(runtime, {}, how, 1));
      assert.equal(code, 'WRONG_DEVICE');
      assert.match(message, /cuda:1 of this process has no peer access/);
      assert.match(remedy, /copyTo: 'cuda:1'/);
      await expectWhole(reader(runtime, { copyTo: 'cuda:1' }, how, 1), 'cuda:1');
    },
  );

  it('a GPU that does not exist is WRONG_DEVICE, with those that do', async (t) => {
    const runtime = new GpuRuntime(t);
    const missing = `cuda:${listDevices().length}`;
    const wrong = await errorOf(runtime.source({ memory: missing }));
    assert.equal(wrong.code, 'WRONG_DEVICE');
    assert.match(wrong.message, /cuda:0/);
    assert.deepEqual(runtime.files(), []);
    await runtime.source();
    assert.equal((await errorOf(runtime.sink({ device: missing }))).code, 'WRONG_DEVICE');
  });
});

describe('more GPU memory than there is', options, () => {
  it('is NO_SPACE for a publisher, which leaves nothing behind', async (t) => {
    const runtime = new GpuRuntime(t);
    const format = tensor('u8', [65_536, 65_000]);
    const given = { format, slots: 384, memory: 'cuda' } as const;
    const { code, message } = await errorOf(runtime.publisher('huge', given));
    assert.equal(code, 'NO_SPACE', message);
    assert.deepEqual(runtime.files(), []);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    put(publisher, stream, 1);
    const refused = await errorOf(publisher.setFormat(format as never, { slots: 384 }));
    assert.equal(refused.code, 'NO_SPACE');
    assert.equal(put(publisher, stream, 2), 2);
  });

  it('is NO_SPACE for who copies to a full GPU', { skip: skipUnlessSimulated }, async (t) => {
    const runtime = new GpuRuntime(t);
    const publisher = await runtime.source({ memory: 'host' });
    const how = withEnvironment({ SLUICE_SIMULATED_BYTES: '4096' });
    const child = reader(runtime, { copyTo: 'cuda' }, how);
    assert.equal(await child.line(), 'open');
    publisher.tryLoan()!.publish();
    child.say('take');
    assert.equal((await refusalOf(child)).code, 'NO_SPACE');
  });
});

describe('a kernel that writes into a received frame', options, () => {
  it('breaks the use of CUDA in its own process alone, and the error names the frame', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const checker = await runtime.checker();
    const honest = await runtime.sink({ stream: checker.stream, delivery: 'every' });
    const child = reader(runtime, {}, {}, 0);
    assert.equal(await child.line(), 'open');
    put(publisher, stream, 1);
    const kept = await honest.receive();
    child.say('store');
    for (let value = 2; value <= 6; value++) {
      put(publisher, stream, value);
      const frame = await honest.receive();
      checker.check(frame);
      frame.release();
      await sleep(10);
    }
    const told = JSON.parse(await child.line()) as Record<string, string>;
    assert.equal(told['code'], 'CUDA_ERROR');
    assert.match(told['fault'] ?? '', /CUDA_ERROR_ILLEGAL_ADDRESS|700/);
    assert.deepEqual([told['reason'], told['errorCode']], ['failed', 'CUDA_ERROR']);
    assert.match(told['error'] ?? '', /frame 1\b|frames? \d/);
    checker.check(kept);
    kept.release();
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    assert.equal(await child.ask('close'), 'closed');
    await until(() => publisher.subscribers.length === 1 && publisher.stats().slotsHeld === 0);
    const late = reader(runtime, {}, {}, 0);
    await expectWhole(late, 'cuda:0');
  });
});

describe('another user', { ...options, skip: skipUnlessRoot }, () => {
  /** A directory where users of a group meet, and the simulated driver where they can load it. */
  function shared(runtime: GpuRuntime): ProgramOptions {
    chmodSync(runtime.folder, 0o755);
    mkdirSync(runtime.directory);
    chownSync(runtime.directory, 0, STRANGER.gid);
    chmodSync(runtime.directory, 0o3770);
    const library = process.env['SLUICE_CUDA_LIBRARY'];
    if (library === undefined) return STRANGER;
    const copy = join(runtime.folder, 'libcuda.so');
    copyFileSync(library, copy);
    chmodSync(copy, 0o755);
    return { ...STRANGER, ...withEnvironment({ SLUICE_CUDA_LIBRARY: copy }) };
  }

  it('that may connect gets no GPU memory without gpuUids, a copy by name, and all with it', async (t) => {
    const runtime = new GpuRuntime(t);
    const how = shared(runtime);
    const stream = await runtime.stream();
    const allow = { uids: [STRANGER.uid] };
    const careful = await runtime.source({ allow });
    put(careful, stream, 1);
    await stream.synchronize();
    const trusting = { allow: { uids: [process.geteuid?.() ?? 0] } };
    const { code, message, remedy } = await refusalOf(reader(runtime, trusting, how, 0));
    assert.equal(code, 'ACCESS_DENIED', message);
    assert.match(remedy, /copyTo: 'host'.*gpuUids: \[1000\]/);
    await expectWhole(reader(runtime, { ...trusting, copyTo: 'host' }, how), 'host');
    // To copy on the GPU it would have to map the memory all the same.
    const copying = await refusalOf(reader(runtime, { ...trusting, copyTo: 'cuda' }, how, 0));
    assert.equal(copying.code, 'ACCESS_DENIED');
    await careful.close();
    const open = await runtime.source({ allow: { ...allow, gpuUids: [STRANGER.uid] } });
    put(open, stream, 2);
    await stream.synchronize();
    await expectWhole(reader(runtime, trusting, how, 0), 'cuda:0');
  });
});

describe('beside a hostile reader of GPU memory', options, () => {
  const MODES: readonly HostileMode[] = [
    'scribbles',
    'hoards',
    'comes and goes',
    'names no such GPU',
  ];
  for (const mode of MODES) {
    it(`that ${mode}, others read on`, async (t) => {
      const runtime = new GpuRuntime(t);
      const stream = await runtime.stream();
      const publisher = await runtime.source({ slots: 48 });
      const path = join(runtime.directory, 'frames.sock');
      const [device] = listDevices();
      const honest = runtime.program({
        ...{ role: 'subscriber', reads: true },
        options: { delivery: 'every', maxLag: 8 },
      });
      assert.equal(await honest.line(), 'open');
      const hostile = new Program('../gpu/hostile-reader-program', {
        ...{ mode, path, uuid: device?.uuid },
      });
      const said = await hostile.line();
      assert.match(said, /^working/);
      if (mode === 'names no such GPU') {
        assert.match(said, /refused refused refused refused welcome$/);
      }
      const lag = (): number =>
        publisher.subscribers.find(({ pid }) => pid === honest.pid)?.lag ?? 0;
      for (let value = 1; value <= 200; value++) {
        await until(() => lag() < 6 || honest.over);
        if (value % 20 === 0) delay(stream, 1);
        put(publisher, stream, value);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(hostile.over, false, 'it goes on all the while');
      await until(() => honest.over || lag() === 0);
      const found = JSON.parse(await honest.ask('found')) as object;
      assert.deepEqual(found, { received: 200, last: 200, outOfOrder: 0, wrong: 0, lost: 0 });
      assert.equal(publisher.stats().dropped, 0);
      await hostile.kill();
      await until(() => publisher.subscribers.length === 1 && publisher.stats().slotsHeld === 0);
      await publisher.close();
      assert.equal((await publisher.closed).reason, 'closed');
    });
  }
});

describe('a reader whose connection has ended', options, () => {
  it('holds its leases until its process has ended, and no longer', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ slots: 8 });
    for (let value = 1; value <= 3; value++) put(publisher, stream, value);
    await stream.synchronize();
    const path = join(runtime.directory, 'frames.sock');
    const uuid = listDevices()[0]?.uuid;
    const given = { mode: 'leaves with leases' satisfies HostileMode, path, uuid };
    const gone = new Program('../gpu/hostile-reader-program', given);
    assert.equal(await gone.line(), 'working');
    await until(() => publisher.subscribers.length === 0);
    const pointers = new Set<bigint>();
    for (let value = 4; value <= 40; value++) {
      const loan = await publisher.loan();
      pointers.add(loan.pointer);
      loan.publish({ stream });
      await stream.synchronize();
    }
    assert.equal(publisher.stats().slotsHeld, 2);
    assert.equal(pointers.size, 6, 'what it holds is not written');
    await gone.kill();
    await until(() => publisher.stats().slotsHeld === 0);
  });
});

describe('hostile publishers of GPU memory', options, () => {
  it('get PROTOCOL from a subscriber, which keeps nothing of theirs', async (t) => {
    const runtime = new GpuRuntime(t);
    mkdirSync(runtime.directory, { mode: 0o700 });
    const { directory } = runtime;
    const program = new Program('../gpu/hostile-publisher-program', { directory });
    const channels = JSON.parse(await program.line()) as string[];
    const stream = await runtime.stream();
    const outcomes: Record<string, string | undefined> = {};
    const meet = async (channel: string): Promise<void> => {
      const { code, message } = await errorOf(runtime.sink({ stream }, channel));
      outcomes[channel] = code ?? message;
    };
    for (const channel of channels) await meet(channel);
    for (const [channel, code = ''] of Object.entries(outcomes)) {
      // 64 TiB: the driver says that it has no addresses for so much.
      const expected = channel === 'huge-data-bytes' ? ['PROTOCOL', 'NO_SPACE'] : ['PROTOCOL'];
      assert.ok(expected.includes(code), `${channel}: ${code}`);
    }
    assert.equal(Object.keys(outcomes).length, channels.length);
    const before = { descriptors: openDescriptors(), bytes: freeBytes() };
    for (const channel of channels) await meet(channel);
    await until(() => openDescriptors() <= before.descriptors);
    assert.equal(freeBytes(), before.bytes);
    const publisher = await runtime.source({}, 'honest');
    const checker = await runtime.checker();
    const sink = await runtime.sink({ stream: checker.stream }, 'honest');
    put(publisher, stream, 1);
    const frame = await sink.receive();
    checker.check(frame);
    frame.release();
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
  });
});
