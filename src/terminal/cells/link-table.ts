import { InvariantError } from '../../core/index.js';

/** So many different links live at once, then a new one is no link. */
const MAX_LINKS = 1 << 16;

/** Where a run of cells leads (OSC 8). Cells with the same id belong to one link, also over line breaks. */
export interface Link {
  /** http or https, printable ASCII, checked by whoever makes the cell. */
  readonly uri: string;
  /** The `id` parameter, made the agent's own: two agents may use the same. Empty: none was given. */
  readonly group: string;
}

/** Links by number, 0 being none: one table a process, as cells are compared as words. */
export class LinkTable {
  readonly #ids = new Map<string, number>();
  readonly #links: Link[] = [];

  idOf(link: Link): number {
    const key = `${link.group} ${link.uri}`;
    const known = this.#ids.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.#links.length === MAX_LINKS) {
      return 0;
    }
    this.#links.push(link);
    this.#ids.set(key, this.#links.length);
    return this.#links.length;
  }

  linkOf(id: number): Link {
    const link = this.#links[id - 1];
    if (link === undefined) {
      throw new InvariantError(`link ${id} was never made`);
    }
    return link;
  }
}

/** The process's table. */
export const links = new LinkTable();
