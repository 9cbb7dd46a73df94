/**
 * The publisher's half of the fences: which words a GPU stores, and in which order, when the data of a frame is there.
 *
 * Two kinds of words say "the data of sequence n is complete". The slot's own fence in the control block is for CPUs.
 * Other processes map that block read-only, where their GPU streams may not wait; so every reader whose GPU waits has
 * a mirror in its own page, one word a slot. Why it is so (`test/model` searches it on this very code):
 * - The slot's fence comes last. It lets the slot be reused, so by then no older mirror write for this slot may be
 *   under way: on another stream it could come after the next frame's and take a mirror back.
 * - A word a slot, not one a reader: streams of one publisher do not finish in the order of the sequences.
 * - All of it is enqueued before the frame is announced: whoever sees a frame can count on its fence.
 */

/** What a GPU stream does for a publish. The stores happen later, in this order. */
export interface FenceQueue<R> {
  /** Stores `sequence` as one 64-bit word into the reader's mirror of `slot`. */
  writeMirror(reader: R, slot: number, sequence: number): void;
  /** Stores `sequence` as one 64-bit word into the slot's fence. */
  writeFence(slot: number, sequence: number): void;
}

export class FenceWriter<R> {
  private readonly readers: R[] = [];

  /**
   * Readers whose mirrors are written by the jobs enqueued from now on. The reader must be told the first sequence of
   * these: for older ones its mirrors stay silent, and nobody may write them on behalf of jobs that are under way.
   */
  add(reader: R): void {
    this.readers.push(reader);
  }

  /**
   * No job enqueued from now on names the reader. Those enqueued before still do: its page must stay registered with
   * the GPU until `PoolWriter.fencesReachedUpTo` says that they have landed.
   */
  remove(reader: R): void {
    const index = this.readers.indexOf(reader);
    if (index >= 0) this.readers.splice(index, 1);
  }

  /**
   * Enqueues the stores that complete the frame, behind the work that writes its data and before its announcement.
   * When this throws, the slot must stay on loan: what was enqueued so far may still land.
   */
  enqueue(queue: FenceQueue<R>, slot: number, sequence: number): void {
    const readers = this.readers;
    for (let i = 0; i < readers.length; i++) queue.writeMirror(readers[i] as R, slot, sequence);
    queue.writeFence(slot, sequence);
  }
}
