/**
 * What must not outlive the process although nobody closed it: sockets, manifests, locks. One synchronous `exit` hook
 * for all of them. Signals are the program's affair: a library that catches SIGINT takes it away from its user.
 */
const cleanups = new Set<() => void>();
let installed = false;

function run(): void {
  for (const cleanup of cleanups) {
    try {
      cleanup();
    } catch {
      // The process ends anyway, and the next publisher removes what is left.
    }
  }
}

/** Runs `cleanup` at the process's exit, until the returned function is called. */
export function atExit(cleanup: () => void): () => void {
  if (!installed) {
    installed = true;
    process.once('exit', run);
  }
  cleanups.add(cleanup);
  return () => void cleanups.delete(cleanup);
}
