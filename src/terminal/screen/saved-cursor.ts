import type { Xterm } from './xterm.js';
import type { XtermBuffer, XtermExtended } from './xterm-core.js';

interface Saved {
  readonly row: number;
  readonly underline: XtermExtended;
}

/**
 * What DECSC and its like save, where xterm.js does otherwise than terminals do. It saves a line, not a row of the screen:
 * when lines scrolled into the history meanwhile the cursor came back above where it was, how far depending on how full the
 * history is. And it forgets how the line under text looks. After a resize it is the line, as it is wrapped anew.
 */
export class SavedCursor {
  #saved = new WeakMap<XtermBuffer, Saved>();

  constructor(xterm: Xterm) {
    const save = (): false => {
      this.#saved.set(xterm.buffer, { row: xterm.buffer.y, underline: xterm.underline });
      return false;
    };
    const restore = (buffer: XtermBuffer): false => {
      const saved = this.#saved.get(buffer);
      if (saved === undefined) return false;
      buffer.savedY = buffer.ybase + saved.row;
      xterm.setUnderline(saved.underline);
      return false;
    };
    xterm.onEscape('7', save);
    xterm.onSequence({ final: 's' }, save);
    xterm.onEscape('8', () => restore(xterm.buffer));
    xterm.onSequence({ final: 'u' }, () => restore(xterm.buffer));
    xterm.onSequence({ prefix: '?', final: 'h' }, ({ params, length }) => {
      const modes = params.subarray(0, length);
      return modes.includes(1048) || modes.includes(1049) ? save() : false;
    });
    xterm.onSequence({ prefix: '?', final: 'l' }, ({ params, length }) => {
      const modes = params.subarray(0, length);
      if (modes.includes(1048)) restore(xterm.buffer);
      return modes.includes(1049) ? restore(xterm.normalBuffer) : false;
    });
    xterm.onSequence({ intermediates: '!', final: 'p' }, () => {
      this.#saved.delete(xterm.buffer);
      return false;
    });
  }

  /** The size changes. */
  forget(): void {
    this.#saved = new WeakMap();
  }
}
