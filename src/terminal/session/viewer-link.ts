import { assertInteger, assertOneOf, printable, SluiceError } from '../../core/index.js';
import type { TerminalSize } from '../../ffi/index.js';
import type { ColorDepth, TerminalCapabilities } from '../output/index.js';
import { transcriptOf } from '../lines/index.js';
import type { LayoutKind } from '../view/index.js';
import { MAX_COLUMNS, MAX_ROWS } from '../stream/index.js';
import { DEFAULT_KILL_AFTER_MS } from './agent-options.js';
import type { Answer } from './control-requests.js';
import type { SessionHost } from './session-host.js';
import type { AgentInfo } from './session-pane.js';
import { viewPane, ViewerSession } from './viewer-session.js';

type Fields = Readonly<Record<string, unknown>>;

const COLOR_DEPTHS: readonly ColorDepth[] = ['none', '16', '256', 'truecolor'];
const LAYOUTS: readonly LayoutKind[] = ['grid', 'focus', 'zoom'];
/** A frame is cut into pieces of this; the last one is marked by the event that follows. */
const PIECE_BYTES = 512 * 1024;
/** Lines of each pane that a viewer may want when it leaves. */
export const MAX_TRANSCRIPT_LINES = 10_000;

/** A viewer at the other end of a connection: what it says becomes calls of its view, and the other way round. */
export class ViewerLink {
  /** Resolves with the reason when the viewer leaves. */
  readonly left: Promise<string>;
  readonly #host: SessionHost;
  readonly #answer: Answer;
  readonly #view: ViewerSession;
  readonly #capabilities: TerminalCapabilities;
  readonly #transcriptLines: number;
  #size: TerminalSize;
  #leave!: (reason: string) => void;

  /** Throws `TypeError` or `RangeError` for fields that cannot be meant. */
  constructor(
    host: SessionHost,
    fields: Fields,
    answer: Answer,
    start: (command: string) => Promise<string>,
  ) {
    this.#host = host;
    this.#answer = answer;
    this.left = new Promise((resolve) => (this.#leave = resolve));
    const { layout, prefixKey, focus, transcriptLines = 0 } = fields;
    if (layout !== undefined) assertOneOf('layout', layout, LAYOUTS);
    assertInteger('transcriptLines', transcriptLines, 0, MAX_TRANSCRIPT_LINES);
    this.#transcriptLines = transcriptLines;
    this.#size = sizeOf(fields);
    this.#capabilities = capabilitiesOf(fields['capabilities']);
    this.#view = new ViewerSession(
      {
        session: host.session,
        size: this.#size,
        capabilities: this.#capabilities,
        layout,
        prefixKey: typeof prefixKey === 'string' ? prefixKey.slice(0, 64) : undefined,
        focus: typeof focus === 'string' ? focus : undefined,
      },
      {
        sendFrame: (bytes) => this.#sendFrame(bytes),
        copy: (text) => answer.event({ event: 'copy', text }),
        answerCopy: (pane, request, given) => host.answerCopy(pane, request, given),
        suspend: () => answer.event({ event: 'suspend' }),
        leave: (reason) => this.#leave(reason),
        input: (pane, bytes) => this.#input(pane, bytes),
        start,
        stop: (pane) => this.#stop(pane),
        used: (viewer) => host.used(viewer),
        looked: (pane) => host.looked(pane),
      },
    );
    host.addViewer(this.#view);
  }

  input(bytes: Uint8Array): void {
    this.#view.input(bytes);
  }

  event(fields: Fields): void {
    if (fields['event'] === 'drawn') return this.#view.drawn();
    if (fields['event'] === 'leave') return this.#leave('signal');
    if (fields['event'] !== 'resize') return undefined;
    try {
      this.#size = sizeOf(fields);
      return this.#view.resize(this.#size);
    } catch (error) {
      throw new SluiceError('PROTOCOL', (error as Error).message);
    }
  }

  announce({ name, attention }: AgentInfo): void {
    this.#answer.event({ event: 'waits', name, text: printable(attention.text) });
  }

  /** For the scrollback of the terminal, after the last frame: none comes after this. */
  async sendTranscript(): Promise<void> {
    this.#host.removeViewer(this.#view);
    const bytes = transcriptOf(this.#host.panes.map(viewPane), {
      lines: this.#transcriptLines,
      columns: this.#size.columns,
      pen: this.#capabilities,
    });
    this.#answer.event({ event: 'transcript' });
    for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
      await this.#answer.data(bytes.subarray(at, at + PIECE_BYTES));
    }
  }

  close(): void {
    this.#host.removeViewer(this.#view);
    this.#leave('closed');
  }

  #sendFrame(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
      void this.#answer.data(bytes.subarray(at, at + PIECE_BYTES));
    }
    this.#answer.event({ event: 'frame' });
  }

  #input(name: string, bytes: Uint8Array): void {
    if (!this.#host.input(name, bytes)) this.#view.notify(`${name} takes no input`);
  }

  #stop(name: string): void {
    this.#host.stop(name, DEFAULT_KILL_AFTER_MS).catch((error: unknown) => {
      this.#view.notify((error as Error).message);
    });
  }
}

function sizeOf({ columns, rows }: Fields): TerminalSize {
  assertInteger('columns', columns, 1, MAX_COLUMNS);
  assertInteger('rows', rows, 1, MAX_ROWS);
  return { columns, rows };
}

function capabilitiesOf(value: unknown): TerminalCapabilities {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Fields;
  const { colors } = given;
  assertOneOf('colors', colors, COLOR_DEPTHS);
  return {
    colors,
    synchronizedOutput: given['synchronizedOutput'] === true,
    kittyKeyboard: given['kittyKeyboard'] === true,
    underlineStyles: given['underlineStyles'] === true,
    hyperlinks: given['hyperlinks'] === true,
  };
}
