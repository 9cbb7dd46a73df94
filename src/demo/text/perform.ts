/** The child's side of the play: what it is given, when it has to stop, and how it says what went wrong. */
import { isSluiceError } from '../../core/index.js';

/** What an actor tells its director: how many lines each of its agents said, or why it cannot. */
export type ActorWord =
  | { readonly said: readonly number[] }
  | { readonly code: string; readonly message: string; readonly remedy: string };

/** Runs `act` until it is through; the director's word or end sets `stopped`. */
export async function perform<G>(
  act: (given: G, stage: { readonly stopped: boolean }) => Promise<readonly number[]>,
): Promise<void> {
  const stage = { stopped: false };
  process.once('disconnect', () => process.exit());
  process.once('message', () => (stage.stopped = true));
  let word: ActorWord;
  try {
    word = { said: await act(JSON.parse(process.argv[2] ?? '{}') as G, stage) };
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    const { code, message, remedy = '' } = error;
    word = { code, message, remedy };
  }
  process.send?.(word, () => process.disconnect());
}
