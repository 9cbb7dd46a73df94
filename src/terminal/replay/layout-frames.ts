import type { TerminalSize } from '../../ffi/index.js';
import type { TerminalCapabilities } from '../output/index.js';
import { type LayoutKind, Presenter, samePanes, type ViewPane } from '../view/index.js';

export interface LayoutFramesOptions extends TerminalSize {
  readonly layout: LayoutKind;
  /** What the status line calls it all. */
  readonly title: string;
}

/** What players of recordings can show. */
const CAPABILITIES: TerminalCapabilities = {
  colors: 'truecolor',
  synchronizedOutput: true,
  kittyKeyboard: false,
  underlineStyles: true,
  hyperlinks: true,
};

/** Panes in a layout as the bytes of a terminal that nobody sits at. */
export class LayoutFrames {
  readonly #presenter: Presenter;
  #panes: readonly ViewPane[] = [];

  constructor({ title, ...options }: LayoutFramesOptions) {
    const view = { ...options, session: title, purpose: 'picture' } as const;
    this.#presenter = new Presenter(view, CAPABILITIES);
  }

  /** All panes there are, as they are described now. */
  setPanes(panes: readonly ViewPane[]): void {
    if (samePanes(panes, this.#panes)) return;
    this.#panes = panes;
    this.#presenter.view.setPanes(panes);
  }

  /** Of the panes that are seen. */
  get sizes(): ReadonlyMap<string, TerminalSize> {
    const sizes = new Map<string, TerminalSize>();
    for (const { name } of this.#panes) {
      const size = this.#presenter.view.paneSize(name);
      if (size !== undefined) sizes.set(name, size);
    }
    return sizes;
  }

  focus(name: string): void {
    this.#presenter.view.focus(name);
  }

  /** What changes the terminal from the frame before to how it is now; empty: nothing changed. Valid until the next one. */
  frame(): Uint8Array {
    const { view } = this.#presenter;
    return view.changed ? this.#presenter.frame().bytes : new Uint8Array();
  }
}
