/** Compares until so many cells were compared: `isolation-program.js [cells] [seed]`. Prints how many were wrong. */
import { compareIsolated, compareLinked } from './isolation.js';

const ROUND = 200;
const cells = Number(process.argv[2] ?? 10_000_000);
let seed = Number(process.argv[3] ?? 1);
let compared = 0;
let wrong = 0;
while (compared < cells) {
  for (const compare of [compareIsolated, compareLinked]) {
    const found = await compare(seed, ROUND);
    compared += found.cells;
    wrong += found.wrong;
  }
  seed += 1;
  process.stdout.write(`${compared} cells, ${wrong} wrong\n`);
}
