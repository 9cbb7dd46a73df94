import { CELL, CELL_WORDS } from './cell.js';
import { liveGrids } from './live-grids.js';
import { NumberTable, type Uses } from './number-table.js';

/** Different links shown at once in all grids of the process; one more is no link. */
const MAX_LINKS = 1 << 16;

/** Where a run of cells leads (OSC 8). Cells with the same id belong to one link, also over line breaks. */
export interface Link {
  /** http or https, printable ASCII, checked by whoever makes the cell. */
  readonly uri: string;
  /** The `id` parameter, made the agent's own: two agents may use the same. Empty: none was given. */
  readonly group: string;
}

const shownLinks: Uses = (use) => {
  liveGrids.forEach((words) => {
    for (let word = CELL.link; word < words.length; word += CELL_WORDS) use(words[word] as number);
  });
};

/**
 * Links by number, 0 being none: one table a process, as cells are compared as words. The number of a link that stands in
 * no grid is given to another one some day: who keeps one elsewhere looks at `generation`.
 */
export class LinkTable {
  readonly #links: NumberTable<Link>;

  constructor(maxLinks = MAX_LINKS, uses: Uses = shownLinks) {
    this.#links = new NumberTable<Link>(maxLinks, uses);
  }

  /** Grows when numbers were taken back. */
  get generation(): number {
    return this.#links.generation;
  }

  /** 0 when there is no number left. */
  idOf(link: Link): number {
    return this.#links.numberOf(`${link.group} ${link.uri}`, link);
  }

  linkOf(id: number): Link {
    return this.#links.valueOf(id);
  }
}

/** The process's table. */
export const links = new LinkTable();
