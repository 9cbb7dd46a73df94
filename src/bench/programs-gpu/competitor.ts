/** Keeps every processor of the GPU busy: kernels back to back in a process of their own. */
import { Event, type Kernel, Stream } from '../../gpu/index.js';
import { integrityKernel, WIDE_LAUNCH } from './gpu-tools.js';
import { type GpuGiven, nextTurn, serveGpu } from './serve.js';

const KERNEL_US = 1000;
/** Launches that wait while one runs: the GPU never has nothing to do. */
const AHEAD = 4;

class Competitor {
  readonly #stream: Stream;
  readonly #delay: Kernel;
  readonly #launched: Event[];
  #running: Promise<void> | undefined;
  #wanted = false;

  constructor(stream: Stream, device: number) {
    this.#stream = stream;
    this.#delay = integrityKernel('delay', device);
    this.#launched = Array.from({ length: AHEAD }, () => Event.create({ device }));
  }

  async start(): Promise<void> {
    this.#wanted = true;
    this.#running = this.#occupy();
    await nextTurn();
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#running;
    await this.#stream.synchronize();
  }

  async #occupy(): Promise<void> {
    let turn = 0;
    while (this.#wanted) {
      const event = this.#launched[turn++ % AHEAD] as Event;
      while (!event.reached) await new Promise((resolve) => setTimeout(resolve, 1));
      const args = [{ u64: KERNEL_US }];
      this.#delay.launch({ ...WIDE_LAUNCH, stream: this.#stream, args });
      event.record(this.#stream);
      // Where kernels take no time, as in a simulation, the question to stop still gets its turn.
      await nextTurn();
    }
  }
}

await serveGpu<GpuGiven>(async ({ device }) => {
  const competitor = new Competitor(await Stream.create({ device }), device);
  return { start: () => competitor.start(), stop: () => competitor.stop() };
});
