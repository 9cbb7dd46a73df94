/**
 * Types of received data. A subscriber's memory is mapped read-only: a store through a typed array over it kills the
 * process without a word, so the public types of what was received have nothing that stores.
 */
/** A typed array that may only be read. Functions that take `ArrayLike` or `ArrayBufferView` take it as it is. */
export type ReadonlyTypedArray<T> = Omit<
  T,
  'set' | 'fill' | 'copyWithin' | 'reverse' | 'sort' | 'subarray' | number
> & {
  readonly [index: number]: T extends { [index: number]: infer Element } ? Element : never;
  /** A view of a part, not a copy. */
  subarray(begin?: number, end?: number): ReadonlyTypedArray<T>;
};

/** Bytes that may only be read. */
export type ReadonlyBytes = ReadonlyTypedArray<Uint8Array>;
