import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type MessagePublisher, openPublisher, openSubscriber } from '../../../src/bus/index.js';
import { isSluiceError } from '../../../src/core/index.js';
import { ControlClient, openSession } from '../../../src/terminal/session/index.js';
import { bytes, type TextFormat, text } from '../../../src/format/index.js';
import { TERMINAL_MEDIA_TYPE, TERMINAL_TYPE } from '../../../src/terminal/stream/index.js';
import { plainLines } from '../../../src/terminal/view/index.js';
import { connectOrLaunch } from '../../../src/terminal/session/host-launch.js';
import { SessionStage } from './session-stage.js';

describe('the host of a session', () => {
  it('answers with more than a frame holds, and refuses what is too much', async (test) => {
    const stage = new SessionStage(test);
    const size = { columns: 300, rows: 40 };
    await stage.start('big', 'seq -f %0299.0f 5000; echo over; exec sleep 1000', size);
    const client = ControlClient.connect(stage.directory, 'main');
    test.after(() => client.close());
    await stage.shows('big', /over/);
    const { lines } = await client.request('screen', { name: 'big', history: 100_000 });
    const numbers = (lines as string[]).filter((line) => /^\d{299}$/.test(line)).map(Number);
    assert.ok(numbers.length * 300 > 1 << 20, `${numbers.length} lines`);
    assert.equal(numbers.at(-1), 5000);
    assert.equal(numbers[0], 5001 - numbers.length);
    // Together more than may wait on a connection.
    const all = Array.from({ length: 16 }, () =>
      client.request('screen', { name: 'big', history: 100_000 }),
    );
    for (const reply of await Promise.all(all)) assert.deepEqual(reply['lines'], lines);
    // Each of 300 cells in a colour of its own: ten times as much.
    const script = `awk 'BEGIN { for (row = 0; row < 1300; row++) { for (x = 0; x < 299; x++)
      printf "\\033[38;2;%d;%d;%dmx", row % 256, x % 256, (row + x) % 256; print "" } print "over" }'`;
    await stage.start('colours', `${script}; exec sleep 1000`, size);
    await stage.shows('colours', /over/);
    const asked = client.request('screen', { name: 'colours', history: 100_000, colors: true });
    await assert.rejects(asked, /\d bytes of JSON: at most 8388608 .*ask for less/);
    assert.equal((await client.request('ls'))['session'], 'main');
  });

  it('takes keys for an agent that has just gone, and shows nobody the door', async (test) => {
    const stage = new SessionStage(test);
    await stage.start('one', 'exec sleep 1000');
    const viewer = stage.attach(80, 24);
    await stage.host.stop('one', 0);
    // Its viewers are told with the end of this turn.
    viewer.type('x');
    viewer.type('\u001b');
    viewer.close();
  });

  it('starts a line for a shell that was typed in a view, whatever is in it', async (test) => {
    const stage = new SessionStage(test);
    const client = ControlClient.connect(stage.directory, 'main');
    test.after(() => client.close());
    const environment = { PATH: process.env['PATH'] ?? '' };
    const fields = { columns: 80, rows: 24, capabilities: { colors: 'none' }, directory: '/' };
    const { request, reply } = client.start('attach', { ...fields, environment });
    const line = 'cd /tmp && WORD=here sh -c \'echo "$WORD in $PWD"\'; exec sleep 1000';
    client.sendInput(request, Buffer.from(`\u0007c${line}\r`));
    await stage.until(() => stage.host.panes.length === 1);
    await stage.shows('cd', /^here in \/tmp/);
    client.sendInput(request, Buffer.from('\u0007d'));
    assert.deepEqual(await reply, Object.assign(Object.create(null), { reason: 'detach' }));
  });

  it('tells that an agent waits when it begins to, not as often as it says so', async (test) => {
    const stage = new SessionStage(test);
    const client = ControlClient.connect(stage.directory, 'main');
    test.after(() => client.close());
    await stage.start('seen', 'exec sleep 1000');
    const told: unknown[] = [];
    let isAttached = false;
    const fields = { columns: 80, rows: 24, capabilities: { colors: 'none' }, directory: '/' };
    const onEvent = ({ event, name }: Readonly<Record<string, unknown>>): void => {
      if (event === 'waits') told.push(name);
      if (event === 'frame') isAttached = true;
    };
    const { request } = client.start('attach', { ...fields, environment: {} }, { onEvent });
    await stage.until(() => isAttached);
    const again = "printf '\\033]133;C\\007\\033]9;look at me\\007'; sleep 0.01";
    const script = `i=0; while [ $i -lt 30 ]; do ${again}; i=$((i+1)); done; echo over; sleep 1000`;
    await stage.start('loud', script);
    await stage.shows('loud', /over/);
    // What was announced is on the socket before the answer to this.
    await client.request('ls');
    assert.deepEqual(told, ['loud', 'loud', 'loud']);
    client.sendInput(request, Buffer.from('\u0007d'));
  });

  it('ends what was just being started with itself, and starts nothing after that', async (test) => {
    const stage = new SessionStage(test);
    const starting = stage.start('late', 'echo here; exec sleep 1000');
    await stage.host.close(1000);
    assert.equal((await starting).name, 'late');
    assert.deepEqual(stage.host.panes, []);
    await assert.rejects(stage.start('later', 'true'), (error) => isSluiceError(error, 'CLOSED'));
    assert.throws(
      () => ControlClient.connect(stage.directory, 'main'),
      (error) => isSluiceError(error, 'SESSION_NOT_FOUND'),
    );
  });

  it('has its viewers take along what agents showed when it ends', async (test) => {
    const stage = new SessionStage(test);
    const size = { columns: 300, rows: 40 };
    await stage.start('big', 'seq -f %0250.0f 9000; echo over; exec sleep 1000', size);
    await stage.shows('big', /over/);
    const client = ControlClient.connect(stage.directory, 'main');
    test.after(() => client.close());
    const capabilities = { colors: 'none' };
    const fields = { ...size, capabilities, directory: '/', environment: {} };
    let taken: Buffer[] = [];
    let isAttached = false;
    const { reply } = client.start(
      'attach',
      { ...fields, transcriptLines: 10_000 },
      {
        onData: (piece) => void taken.push(Buffer.from(piece)),
        onEvent: ({ event }) => {
          isAttached = true;
          if (event === 'transcript') taken = [];
        },
      },
    );
    await stage.until(() => isAttached);
    await stage.host.close(0);
    assert.equal((await reply)['reason'], 'ended');
    const numbers =
      Buffer.concat(taken)
        .toString()
        .match(/0\d{249}/g) ?? [];
    assert.ok(numbers.length > 4000, `${numbers.length} lines`);
    assert.deepEqual(
      numbers.map(Number),
      numbers.map((_, at) => 9001 - numbers.length + at),
    );
  });

  it('is followed by another one, whoever asks while it still ends its agents', async (test) => {
    const stage = new SessionStage(test);
    await stage.start('stubborn', "trap '' HUP TERM; echo here; while :; do sleep 1; done");
    await stage.shows('stubborn', /here/);
    const closed = stage.host.close(2000);
    const { directory, state: stateDirectory } = stage;
    const client = await connectOrLaunch({ session: 'main', directory, stateDirectory });
    test.after(() => client.close());
    await closed;
    const { pid } = (await client.request('ls'))['host'] as { readonly pid: number };
    assert.notEqual(pid, process.pid);
    process.kill(pid, 'SIGTERM');
    await assert.rejects(client.request('next', { wait: true }), (error) =>
      isSluiceError(error, 'CLOSED'),
    );
  });

  it('gives readers of a channel what its agent wrote until it was stopped', async (test) => {
    const stage = new SessionStage(test);
    let lost: number;
    do {
      await stage.start('fast', 'read -r line; seq -f %0300.0f 1000000');
      await using reader = await openSubscriber('agent/fast', {
        ...{ format: bytes(TERMINAL_MEDIA_TYPE), directory: stage.directory.path },
        ...{ start: 'oldest', whenLost: 'end' },
      });
      const { log } = stage.host.pane('fast');
      const start = log.sequence;
      stage.host.input('fast', Buffer.from('\r'));
      let read = 0;
      let isEnded = false;
      let stopped: Promise<unknown> | undefined;
      for await (const { type, value } of reader) {
        if (type === TERMINAL_TYPE.output) read += value.byteLength;
        if (type === TERMINAL_TYPE.exit) isEnded = true;
        // Slower than the agent, which waits for it by then: more than its ring was written.
        await new Promise((resolve) => setTimeout(resolve, 10));
        if (read > 3 << 20) stopped ??= stage.host.stop('fast', 0);
      }
      await stopped;
      ({ lost } = reader.stats());
      if (lost === 0) assert.deepEqual([read, isEnded], [log.sequence - start, true]);
      // A machine that let a second pass between two turns of this loop: then it is passed over.
    } while (lost > 0);
  });

  it('ends a program that is in no session of its own yet', async (test) => {
    const stage = new SessionStage(test);
    const bin = join(stage.root, 'bin');
    mkdirSync(bin);
    // The moment between exec(2) and setsid(2), for ever.
    writeFileSync(join(bin, 'setsid'), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
    const path = process.env['PATH'] ?? '';
    process.env['PATH'] = `${bin}:${path}`;
    try {
      await stage.start('early', 'true');
    } finally {
      process.env['PATH'] = path;
    }
    assert.equal((await stage.host.stop('early', 60_000)).signal, 'SIGHUP');
  });

  it('refuses to copy what no terminal takes', async (test) => {
    const stage = new SessionStage(test);
    await stage.start('one', 'seq -f %075.0f 3000; echo over; exec sleep 1000');
    const viewer = stage.attach(80, 24);
    await stage.shows('one', /over/);
    viewer.type('\u0007[vgy');
    assert.deepEqual(
      viewer.events.filter(({ event }) => event === 'copy'),
      [],
    );
    viewer.type('\u0007[vkkky');
    const copied = viewer.events.find(({ event }) => event === 'copy');
    assert.match(String(copied?.['text']), /0000002999\n0+3000\nover/);
    viewer.close();
  });

  it('gives programs the sizes of the viewer that was used last, also when one comes or goes', async (test) => {
    const stage = new SessionStage(test);
    const sizeIs = (columns: number, rows: number) => () =>
      stage.info('one').columns === columns && stage.info('one').rows === rows;
    await stage.start('one', 'exec sleep 1000');
    const large = stage.attach(200, 60);
    await stage.until(sizeIs(200, 58));
    await stage.start('two', 'exec sleep 1000');
    await stage.until(sizeIs(100, 58));
    const small = stage.attach(80, 24);
    await stage.until(sizeIs(40, 22));
    // Its user left it for the small one: two sockets tell that in any order.
    large.type('\u001b[O');
    small.type('\u001b[I');
    large.type('\u001b[O');
    await stage.start('three', 'exec sleep 1000');
    await stage.until(() => stage.info('three').rows < 24);
    assert.ok(stage.info('one').rows <= 22, 'the small one was used last');
    small.close();
    await stage.until(() => stage.info('one').rows > 24 && stage.info('three').rows > 24);
    await stage.host.stop('three', 0);
    await stage.host.stop('two', 0);
    await stage.until(sizeIs(200, 58));
    large.close();
  });

  it('tells programs a few of the sizes that a terminal is dragged through, and the last', async (test) => {
    const stage = new SessionStage(test);
    await stage.start('one', 'exec sleep 1000');
    const viewer = stage.attach(80, 24);
    await stage.until(() => stage.info('one').rows === 22);
    const pane = stage.host.pane('one');
    const resize = pane.resize.bind(pane);
    let resized = 0;
    pane.resize = (size) => {
      resized += 1;
      resize(size);
    };
    for (let columns = 81; columns <= 200; columns += 1) {
      viewer.link.event({ event: 'resize', columns, rows: 50 });
    }
    await stage.until(() => stage.info('one').columns === 200);
    assert.ok(resized <= 2, `${resized} times`);
    viewer.close();
  });
});

describe('a session that a program asks', () => {
  it('starts, types, shows, resizes and stops, and says what is wrong', async (test) => {
    const stage = new SessionStage(test);
    using session = await openSession({ directory: stage.directory.path });
    const command = ['sh', '-c', 'read -r line; echo "got $line"; stty size; read -r line'];
    const started = await session.start({ name: 'one', command, directory: '/' });
    assert.deepEqual([started.name, started.columns, started.rows], ['one', 80, 24]);
    await session.resize('one', { columns: 50, rows: 10 });
    assert.equal(await session.send('one', { text: 'words', enter: true }), 6);
    await stage.shows('one', /got words\n10 50/);
    const { lines, columns, rows } = await session.screen('one');
    assert.deepEqual([columns, rows, lines.length], [50, 10, 10]);
    assert.equal(await session.next(), undefined);
    await session.report('one', 'waits', 'Deploy?');
    assert.equal((await session.next({ wait: true }))?.attention.text, 'Deploy?');
    assert.deepEqual(
      (await session.agents()).map(({ name }) => name),
      ['one'],
    );
    await assert.rejects(session.stop('two'), (error) => isSluiceError(error, 'SESSION_NOT_FOUND'));
    await assert.rejects(session.resize('one', { columns: 0, rows: 1 }), RangeError);
    assert.equal((await session.stop('one', { killAfterMs: 1000 })).status, 'ended');
    session.close();
    await assert.rejects(session.agents(), (error) => isSluiceError(error, 'CLOSED'));
    const missing = { directory: stage.directory.path, session: 'nobody' };
    await assert.rejects(openSession(missing), (error) =>
      isSluiceError(error, 'SESSION_NOT_FOUND'),
    );
  });
});

describe('agents of other processes', () => {
  it('make room when they are gone: for one of the session, or at a word', async (test) => {
    const stage = new SessionStage(test);
    const publish = (name: string): Promise<MessagePublisher<TextFormat>> =>
      openPublisher(`agent/${name}`, { format: text(), directory: stage.directory.path });
    const names = (): string[] => stage.host.panes.map(({ name }) => name);
    const publishers = await Promise.all([publish('one'), publish('two')]);
    await stage.until(() => names().length === 2);
    await assert.rejects(stage.host.stop('one', 0), (error) =>
      isSluiceError(error, 'ACCESS_DENIED'),
    );
    await Promise.all(publishers.map((publisher) => publisher.close()));
    await stage.until(() => names().every((name) => stage.info(name).status === 'lost'));
    await stage.start('one', 'exec sleep 1000');
    assert.deepEqual(names(), ['one', 'two']);
    assert.equal(stage.info('one').status, 'running');
    assert.equal((await stage.host.stop('two', 0)).status, 'lost');
    assert.deepEqual(names(), ['one']);
  });

  it('hold nobody up with a message, however long it is', async (test) => {
    const stage = new SessionStage(test);
    const options = { format: text(), directory: stage.directory.path, ringBytes: 32 << 20 };
    await using publisher = await openPublisher('agent/long', options);
    await stage.until(() => stage.host.panes.length === 1);
    await publisher.send(`${'words of a long message '.repeat(200_000)}end`);
    const { screen, log } = stage.host.pane('long');
    const isShown = (): boolean => plainLines(screen, 0).join('').trimEnd().endsWith('end');
    let turnsBetween = 0;
    while (!isShown()) {
      if (log.sequence > 0) turnsBetween += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(turnsBetween > 2, `${turnsBetween} turns while it was written`);
  });
});
