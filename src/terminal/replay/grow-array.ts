interface Growable<T> {
  readonly length: number;
  set(from: T): void;
}

/** A longer array of the same kind with the same beginning: twice as long, or as long as is needed. */
export function growArray<T extends Growable<T>>(array: T, length: number): T {
  const Kind = array.constructor as new (length: number) => T;
  const grown = new Kind(Math.max(length, array.length * 2));
  grown.set(array);
  return grown;
}
