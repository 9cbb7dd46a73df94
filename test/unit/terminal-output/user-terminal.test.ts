import assert from 'node:assert/strict';
import { closeSync, constants, openSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import {
  closeDescriptor,
  openPty,
  readTerminal,
  terminalAttributes,
  writeTerminal,
} from '../../../src/ffi/index.js';
import { UserTerminal } from '../../../src/terminal/output/index.js';

const EVENTS = {
  onInput: () => undefined,
  onIdle: () => undefined,
  onResize: () => undefined,
  onHangup: () => undefined,
};

/** A terminal that a program takes over, what it shows, and what its shell would read. */
function terminal(test: TestContext): {
  readonly user: UserTerminal;
  readonly slave: number;
  type(text: string): void;
  shown(): string;
  shellReads(): string;
} {
  const { master, slave } = openPty({ columns: 80, rows: 24 });
  const path = `/proc/self/fd/${slave}`;
  const shell = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  test.after(() => {
    closeSync(shell);
    closeDescriptor(slave);
    closeDescriptor(master);
  });
  const bytes = new Uint8Array(1000);
  const readFrom = (fd: number): string =>
    Buffer.from(bytes.subarray(0, Math.max(0, readTerminal(fd, bytes)))).toString();
  return {
    user: new UserTerminal(path),
    slave,
    type: (text) => assert.equal(writeTerminal(master, Buffer.from(text), 0), text.length),
    shown: () => readFrom(master),
    shellReads: () => readFrom(shell),
  };
}

describe('the terminal of the user', () => {
  it('leaves nothing to its shell that was typed or pasted for the view', (test) => {
    const { user, slave, type, shellReads } = terminal(test);
    const before = terminalAttributes(slave);
    type('ls\n');
    assert.equal(shellReads(), 'ls\n');
    user.start(EVENTS);
    user.enter({ alternateScreen: true, mouse: true, kittyKeyboard: false });
    type('\u001b[200~echo first line of a paste\nrm -rf second\n\u001b[<35;1;1M');
    user.leave();
    assert.equal(shellReads(), '');
    assert.deepEqual(terminalAttributes(slave), before);
    type('ls\n');
    assert.equal(shellReads(), 'ls\n');
  });

  it('gets no frame while it belongs to its shell', (test) => {
    const { user, shown } = terminal(test);
    user.frames.writeFrame(Buffer.from('a frame that came too early'));
    assert.deepEqual([shown(), user.frames.busy], ['', true]);
    user.start(EVENTS);
    user.enter({ alternateScreen: true, mouse: false, kittyKeyboard: false });
    user.frames.flush();
    assert.match(shown(), /1049h.*a frame that came too early$/s);
    user.leave();
    shown();
    user.frames.writeFrame(Buffer.from('too late'));
    assert.equal(shown(), '');
  });
});
