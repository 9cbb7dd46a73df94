import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  closeDescriptor,
  openPty,
  readTerminal,
  terminalAttributes,
  writeTerminal,
} from '../../../src/ffi/index.js';
import { LocalViewer } from '../../../src/terminal/viewer/index.js';

describe('a viewer of panes of this process', () => {
  it('takes no terminal when it was closed while it asked what that can do', async (test) => {
    const { master, slave } = openPty({ columns: 80, rows: 24 });
    test.after(() => {
      closeDescriptor(slave);
      closeDescriptor(master);
    });
    const bytes = new Uint8Array(1000);
    const shown = (): string =>
      Buffer.from(bytes.subarray(0, Math.max(0, readTerminal(master, bytes)))).toString();
    const before = terminalAttributes(slave);
    const owner = { onInput: () => undefined, onSizes: () => undefined };
    const terminalPath = `/proc/self/fd/${slave}`;
    const viewer = new LocalViewer({ session: 'test', owner, terminalPath, environment: {} });
    const ended = viewer.run();
    let asked = '';
    while (!asked.includes('\u001b[c')) {
      asked += shown();
      await new Promise((resolve) => setImmediate(resolve));
    }
    viewer.close();
    const answer = Buffer.from('\u001b[?62;22c');
    assert.equal(writeTerminal(master, answer, 0), answer.byteLength);
    assert.equal(await ended, 'detach');
    assert.doesNotMatch(asked + shown(), /1049h/);
    assert.deepEqual(terminalAttributes(slave), before);
  });
});
