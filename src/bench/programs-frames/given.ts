/** The child's side of a benchmark process: what it was given, and how it answers. */

/** What the parent passed; the program ends with its parent from here on. */
export function givenTo<T>(): T {
  process.once('disconnect', () => process.exit());
  return JSON.parse(process.argv[2] ?? 'null') as T;
}

/** Resolves when the message is in the kernel: a program may block its thread afterwards. */
export function answer(message: object): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) throw new Error('this program is started by a benchmark');
    process.send(message, undefined, undefined, (error: Error | null) =>
      error === null ? resolve() : reject(error),
    );
  });
}

/** CLOCK_MONOTONIC in ns, the same in all processes. A double holds it exactly for 104 days after boot. */
export function clockNs(): number {
  return Number(process.hrtime.bigint());
}
