/**
 * Shows one pane on its terminal until it is ended. A key x is an exception, f floods the pane with lines for as many
 * frames as follow it as a digit (thousands), anything else is shown in the pane.
 */
import { AgentScreen } from '../../src/terminal/screen/index.js';
import { LocalViewer } from '../../src/terminal/viewer/index.js';

const screen = new AgentScreen({ columns: 80, rows: 24 });
const viewer = new LocalViewer({
  session: 'test',
  transcriptLines: 3,
  owner: {
    onInput(_pane, bytes) {
      const text = Buffer.from(bytes).toString();
      if (text === 'x') throw new Error('the exception that was asked for');
      if (text === 'f') flood(3000);
      else show(text);
    },
    onSizes(sizes) {
      const size = sizes.get('one');
      if (size !== undefined) screen.resize(Math.max(2, size.columns), size.rows);
    },
  },
});

function show(text: string): void {
  screen.write(Buffer.from(text));
  viewer.paneChanged('one');
}

/** Pictures that differ in every cell, more than a terminal takes that nobody reads. */
function flood(left: number): void {
  const line = `\u001b[3${left % 8}m${String.fromCharCode(65 + (left % 26)).repeat(screen.columns - 1)}\r\n`;
  screen.write(Buffer.from(line.repeat(screen.rows)));
  if (left === 0) screen.write(Buffer.from('\u001b[m\u001b[2J\u001b[Hthe flood is over'));
  viewer.paneChanged('one');
  if (left > 0) setImmediate(() => flood(left - 1));
}

viewer.setPanes([{ name: 'one', color: 0, state: 'working', note: '', content: screen }]);
show('ready');
console.log(`ended: ${await viewer.run()}`);
