/** Deeper stacks lose their oldest entry, as the protocol says. */
const MAX_DEPTH = 32;

/**
 * What is done of it: 1, keys that the old coding cannot tell apart, and 8, all keys as sequences. Releases (2), other
 * layouts (4) and text (16) are not told, and the others are what `CSI ? u` answers: so a program knows.
 */
const KNOWN_FLAGS = 0b0_1001;

/** Progressive enhancement of the keyboard (kitty): a stack of flags for the main screen and one for the alternate one. */
export class KittyKeyboard {
  #main: number[] = [0];
  #alternate: number[] = [0];

  #stack(alternate: boolean): number[] {
    return alternate ? this.#alternate : this.#main;
  }

  flags(alternate: boolean): number {
    return this.#stack(alternate).at(-1) ?? 0;
  }

  /** `CSI > flags u`. */
  push(alternate: boolean, flags: number): void {
    const stack = this.#stack(alternate);
    if (stack.length === MAX_DEPTH) stack.shift();
    stack.push(flags & KNOWN_FLAGS);
  }

  /** `CSI < count u`. */
  pop(alternate: boolean, count: number): void {
    const stack = this.#stack(alternate);
    stack.length = Math.max(0, stack.length - Math.max(1, count));
    if (stack.length === 0) stack.push(0);
  }

  /** `CSI = flags ; mode u`: mode 1 sets exactly these, 2 adds them, 3 takes them away. */
  set(alternate: boolean, flags: number, mode: number): void {
    const stack = this.#stack(alternate);
    const before = stack.at(-1) ?? 0;
    const given = flags & KNOWN_FLAGS;
    const after = mode === 2 ? before | given : mode === 3 ? before & ~given : given;
    if (mode <= 3) stack[stack.length - 1] = after;
  }

  reset(): void {
    this.#main = [0];
    this.#alternate = [0];
  }
}
