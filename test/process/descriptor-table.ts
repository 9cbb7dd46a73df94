/** The descriptors of this process: none left to open, and those that leaked. */
import { closeSync, openSync } from 'node:fs';
import { openDescriptors } from './runtime.js';

/** Opens descriptors until none is left but `free`; returns what closes them again, once. */
export function fillTable(free: number): () => void {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'));
    } catch {
      break;
    }
  }
  for (const fd of taken.splice(0, free)) closeSync(fd);
  return () => {
    for (const fd of taken.splice(0)) closeSync(fd);
  };
}

/** How many more are open than `before`, once those that are on their way out have gone. */
export async function leakedSince(before: number): Promise<number> {
  let leaked = openDescriptors() - before;
  for (let tries = 0; leaked > 0 && tries < 400; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    leaked = openDescriptors() - before;
  }
  return Math.max(0, leaked);
}
