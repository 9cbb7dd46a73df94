/**
 * Waiting for what a GPU or a dying process still does, before something is given up. Neither rings anybody, so this
 * looks: often at first, because work of a GPU lands within microseconds, and ever less often after that.
 */

const FIRST_LOOK_MS = 1;
const LONGEST_PAUSE_MS = 50;

interface Task {
  readonly landed: () => boolean;
  readonly giveUp: () => void;
}

export class Landing {
  #tasks: Task[] = [];
  /** Not given up yet; counts on while `look` has the list in its hands. */
  #open = 0;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_LOOK_MS;
  #awaited = false;
  #settled: Promise<void> = Promise.resolve();
  #resolveSettled: () => void = () => undefined;

  /** Calls `giveUp` once `landed` says so: at once when it does so now. */
  when(landed: () => boolean, giveUp: () => void): void {
    if (landed()) {
      giveUp();
      return;
    }
    if (this.#open === 0) {
      this.#settled = new Promise((resolve) => (this.#resolveSettled = resolve));
    }
    this.#open += 1;
    this.#tasks.push({ landed, giveUp });
    this.#pauseMs = FIRST_LOOK_MS;
    this.#schedule();
  }

  /** Resolves when nothing is waited for any more. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** As `settled`, and keeps the process alive until then. */
  settle(): Promise<void> {
    this.#awaited = true;
    this.#timer?.ref();
    return this.#settled;
  }

  /** Looks now; for whoever knows that something has changed. */
  look(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      if (!task.landed()) {
        this.#tasks.push(task);
        continue;
      }
      // What is given up may wait for more, which belongs to what is awaited already.
      task.giveUp();
      this.#open -= 1;
    }
    if (tasks.length > 0 && this.#open === 0) this.#resolveSettled();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.look();
      this.#pauseMs = Math.min(this.#pauseMs * 1.5, LONGEST_PAUSE_MS);
      if (this.#tasks.length > 0) this.#schedule();
    }, this.#pauseMs);
    // Unless somebody waits for it: at the end of the process the kernel and the driver clean up.
    if (!this.#awaited) this.#timer.unref();
  }
}
