/** Many cameras in one process, decoded on a GPU: for `gpu-cameras`. */
import { type Camera, openCamera } from '../../video.js';
import { type GpuGiven, serveGpu } from './serve.js';

export interface WallGiven extends GpuGiven {
  /** A file that each camera plays in real time, again and again. */
  readonly clip: string;
}

/** Cameras to have open, in all. */
export interface WallTask {
  readonly cameras: number;
}

/** Counted since the program began, one number a camera. */
export interface WallWork {
  readonly frames: readonly number[];
  readonly decoders: readonly string[];
  /** CPU time of this process, and of all processes of ffmpeg that work for it. */
  readonly cpuMs: number;
  readonly ffmpegPids: readonly number[];
}

export const wallChannel = (index: number): string => `bench/wall-${index}`;

class Wall {
  readonly #given: WallGiven;
  readonly #cameras: Camera[] = [];

  constructor(given: WallGiven) {
    this.#given = given;
  }

  /** Opens what is missing, all at once; each is live when this resolves. */
  async open({ cameras }: WallTask): Promise<void> {
    const { directory, device, clip } = this.#given;
    const first = this.#cameras.length;
    const opening = Array.from({ length: cameras - first }, (_, index) =>
      openCamera(wallChannel(first + index), {
        ...{ input: clip, loop: true, realtime: true, directory },
        memory: `cuda:${device}`,
        audio: 'none',
        whenMissing: 'fail',
      }),
    );
    this.#cameras.push(...(await Promise.all(opening)));
  }

  work(): WallWork {
    const { user, system } = process.cpuUsage();
    const stats = this.#cameras.map((camera) => camera.stats());
    return {
      frames: stats.map(({ frames }) => frames),
      decoders: stats.map(({ decoder }) => decoder),
      cpuMs: (user + system) / 1000,
      ffmpegPids: this.#cameras.flatMap(({ processes: { reader } }) => reader ?? []),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#cameras.map((camera) => camera.close()));
  }
}

await serveGpu<WallGiven>((given) => {
  const wall = new Wall(given);
  return Promise.resolve({
    open: (task: WallTask) => wall.open(task),
    work: () => wall.work(),
    close: () => wall.close(),
  });
});
