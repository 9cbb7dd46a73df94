/** Splitting a channel over several readers: each takes the sequences ≡ index (mod count). */
export interface Share {
  readonly index: number;
  readonly count: number;
}

/** How many sequences of the share lie in (from, to]. */
export function countMembers({ index, count }: Share, from: number, to: number): number {
  return Math.floor((to - index) / count) - Math.floor((from - index) / count);
}
