import { CELL_WORDS, type CellGrid, columnsOfText } from '../cells/index.js';
import { OutputBytes, type PenOptions } from '../output/index.js';
import { AgentLines, type LineRows, usedColumns } from './agent-lines.js';
import { LineEncoder } from './line-encoder.js';
import { type LineTag, MAX_NAME_COLUMNS, tagOf } from './line-tag.js';

export interface MergedLinesOptions {
  readonly pen: PenOptions;
  /** Of the terminal. Left out: a pipe or a file, where a line is as long as it is, and there is no footer. */
  readonly columns?: number;
  /** Rows of the terminal that the footer may take. */
  readonly footerRows?: number;
  /** After so long without anything new, a line that was not ended is shown: into a pipe, once. */
  readonly partialMs?: number;
  /** What goes back to the agent that asked. */
  readonly onAnswer?: (agent: string, text: string) => void;
}

const DEFAULT_FOOTER_ROWS = 6;
const DEFAULT_PARTIAL_MS = 500;

interface Agent {
  readonly name: string;
  readonly lines: AgentLines;
  /** When it last wrote something behind its last line; undefined: nothing, or it was shown already. */
  partialSinceMs: number | undefined;
  /** The cells that were shown of an unfinished line; none: nothing was. */
  shown: Uint32Array;
}

/** Rows at the very bottom of a terminal, in which the user types: at most as wide as the terminal less one column. */
export interface PromptRows {
  readonly grid: CellGrid;
  /** Of the cursor, in the last row. */
  readonly cursorColumn: number;
}

const NOTHING = new Uint32Array(0);

/** The cells of a line, without the blank ones at its end. */
function cellsOf({ grid, rows }: LineRows): Uint32Array {
  if (rows === 0) return NOTHING;
  return grid.words.slice(0, grid.at(usedColumns(grid, rows - 1), rows - 1));
}

function startsWith(words: Uint32Array, start: Uint32Array): boolean {
  return words.length >= start.length && start.every((word, at) => words[at] === word);
}

/**
 * The output of many agents as one stream of whole lines, each with the name of its agent. On a terminal what is still being
 * written stands below the lines, in a footer that is drawn anew; elsewhere a line that is drawn over again and again (a
 * progress bar) is written once, as it was at its end. Time is passed in, in milliseconds.
 */
export class MergedLines {
  readonly #options: MergedLinesOptions;
  readonly #out = new OutputBytes();
  readonly #encoder: LineEncoder;
  readonly #agents = new Map<string, Agent>();
  readonly #tags = new Map<string, LineTag>();
  #columns: number;
  #nameColumns = 4;
  #footerRows = 0;
  #footerDue = false;
  #prompt: PromptRows | undefined;

  constructor(options: MergedLinesOptions) {
    this.#options = options;
    this.#columns = options.columns ?? 0;
    this.#encoder = new LineEncoder(options.pen, this.#out);
  }

  get #hasFooter(): boolean {
    return this.#columns > 0;
  }

  /** The terminal has so many columns now. */
  resize(columns: number): void {
    if (!this.#hasFooter) return;
    this.#eraseFooter();
    this.#columns = columns;
    this.#footerDue = true;
  }

  /** What stands below everything from now on, on a terminal. The grid may not change until the next call. */
  setPrompt(prompt: PromptRows | undefined): void {
    this.#prompt = prompt;
    this.#footerDue = true;
  }

  /** Others wrote to the terminal, or are about to: the footer is taken away, and drawn again with the next `take`. */
  leaveTerminal(): Uint8Array {
    this.#eraseFooter();
    this.#footerDue = false;
    const bytes = this.take();
    this.#footerDue = true;
    return bytes;
  }

  /** Names that are known beforehand make the column of tags as wide as they need from the first line on. */
  addAgent(name: string): void {
    this.#agentOf(name);
  }

  #agentOf(name: string): Agent {
    const known = this.#agents.get(name);
    if (known !== undefined) return known;
    const answer = this.#options.onAnswer;
    const lines = new AgentLines(answer && ((text) => answer(name, text)));
    const agent: Agent = { name, lines, partialSinceMs: undefined, shown: NOTHING };
    this.#agents.set(name, agent);
    const columns = Math.min(MAX_NAME_COLUMNS, columnsOfText(name));
    if (columns > this.#nameColumns) {
      this.#nameColumns = columns;
      this.#tags.clear();
    }
    return agent;
  }

  #tagOf(name: string): LineTag {
    const known = this.#tags.get(name);
    if (known !== undefined) return known;
    const made = tagOf(name, this.#nameColumns);
    this.#tags.set(name, made);
    return made;
  }

  /** What an agent wrote, cut anywhere. */
  write(name: string, bytes: Uint8Array, nowMs: number): void {
    const agent = this.#agentOf(name);
    agent.lines.write(bytes, (line) => this.#writeLine(agent, line));
    agent.partialSinceMs = nowMs;
    this.#footerDue = true;
  }

  /** Of a line that was shown before it was ended, what came since; all of it when it was drawn over. */
  #writeLine(agent: Agent, line: LineRows): void {
    const { shown } = agent;
    agent.shown = NOTHING;
    const cells = cellsOf(line);
    const from = startsWith(cells, shown) ? shown.length / CELL_WORDS : 0;
    if (from > 0 && cells.length === shown.length) return;
    this.#eraseFooter();
    this.#encoder.writeLine(this.#tagOf(agent.name), line, this.#columns, from);
  }

  /** The agent's program has ended: what it did not end is a line too. */
  endAgent(name: string): void {
    const agent = this.#agentOf(name);
    agent.lines.end((line) => this.#writeLine(agent, line));
    agent.shown = NOTHING;
    agent.partialSinceMs = undefined;
    this.#footerDue = true;
  }

  /** Into a pipe: shows lines that were not ended for a while. True while there is one to come: look again. */
  showPartialLines(nowMs: number): boolean {
    if (this.#hasFooter) return false;
    const partialMs = this.#options.partialMs ?? DEFAULT_PARTIAL_MS;
    let waiting = false;
    for (const agent of this.#agents.values()) {
      if (agent.partialSinceMs === undefined) continue;
      if (nowMs - agent.partialSinceMs < partialMs) {
        waiting = true;
        continue;
      }
      agent.partialSinceMs = undefined;
      const line = agent.lines.unfinished();
      if (line.rows === 0 || agent.shown.length > 0) continue;
      this.#encoder.writeLine(this.#tagOf(agent.name), line, this.#columns);
      agent.shown = cellsOf(line);
    }
    return waiting;
  }

  /** Bytes for the output, to be written before anything else of this object is called. */
  take(): Uint8Array {
    if (this.#footerDue) this.#drawFooter();
    const bytes = this.#out.view().slice();
    this.#out.clear();
    return bytes;
  }

  #eraseFooter(): void {
    if (this.#footerRows === 0) return;
    this.#out.byte(0x0d);
    if (this.#footerRows > 1) this.#out.csi(this.#footerRows - 1, 'A');
    this.#out.ascii('\u001b[J');
    this.#footerRows = 0;
  }

  #drawFooter(): void {
    this.#footerDue = false;
    if (!this.#hasFooter) return;
    this.#eraseFooter();
    const most = this.#options.footerRows ?? DEFAULT_FOOTER_ROWS;
    for (const agent of this.#agents.values()) {
      const line = agent.lines.unfinished();
      if (line.rows === 0) continue;
      if (this.#footerRows === most) break;
      this.#beginFooterRow();
      // The last column stays free: a cursor behind it would be in no row for sure.
      this.#encoder.writeFooter(this.#tagOf(agent.name), line, this.#columns - 1);
    }
    if (this.#prompt !== undefined) this.#drawPrompt(this.#prompt);
  }

  #beginFooterRow(): void {
    if (this.#footerRows > 0) this.#out.ascii('\r\n');
    this.#footerRows += 1;
  }

  #drawPrompt({ grid, cursorColumn }: PromptRows): void {
    for (let row = 0; row < grid.rows; row += 1) {
      this.#beginFooterRow();
      this.#encoder.writeRow(grid, row);
    }
    this.#out.byte(0x0d);
    if (cursorColumn > 0) this.#out.csi(cursorColumn, 'C');
  }

  /** Every agent's rest as lines; the footer is gone. `take` gives the last bytes. */
  end(): void {
    for (const { name, lines } of this.#agents.values()) {
      this.endAgent(name);
      lines.close();
    }
    this.#eraseFooter();
    this.#prompt = undefined;
    this.#agents.clear();
  }
}
