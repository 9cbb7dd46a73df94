/** Which agents are shown: all but the muted, or of these the soloed alone. */
export class AgentSelection {
  readonly #names: readonly string[];
  /** Which has the focus at first: the first that was soloed, else the first of all that are shown. */
  readonly first: string | undefined;
  #solo: ReadonlySet<string>;
  #muted: ReadonlySet<string>;

  constructor(
    names: readonly string[],
    solo: readonly string[] = [],
    muted: readonly string[] = [],
  ) {
    this.#names = names;
    this.#solo = new Set(solo);
    this.#muted = new Set(muted);
    this.first = solo.find((name) => this.shows(name)) ?? this.shown[0];
  }

  get shown(): readonly string[] {
    return this.#names.filter((name) => this.shows(name));
  }

  shows(name: string): boolean {
    return !this.#muted.has(name) && (this.#solo.size === 0 || this.#solo.has(name));
  }

  /** Only this one; all that were shown before, when it was alone already. */
  toggleSolo(name: string): void {
    this.#solo = this.#solo.size > 0 ? new Set() : new Set([name]);
  }

  /** Without this one. False: it is the last that is shown. */
  mute(name: string): boolean {
    if (this.shown.length < 2) return false;
    this.#muted = new Set([...this.#muted, name]);
    return true;
  }

  showAll(): void {
    this.#solo = new Set();
    this.#muted = new Set();
  }
}
