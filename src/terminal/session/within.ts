/** Resolves when `done` has resolved or failed, or when it took too long. */
export async function within(patienceMs: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, patienceMs)));
  await Promise.race([done, late]).catch(() => undefined);
  clearTimeout(timer);
}
