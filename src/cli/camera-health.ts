/** The health of a camera, and of its sub-stream, told by `--metrics` and `--mqtt` as `sluice up` tells that of many. */
import type { CameraStats } from '../video/index.js';
import {
  CameraWatch,
  DEFAULT_STALE_AFTER_MS,
  type Health,
  healthOf,
} from '../video/health/index.js';
import { type HealthServices, openServices, type OpenServices } from '../video/up/index.js';
import { tellPart } from './part-events.js';
import { packageVersion } from './program.js';
import type { Run } from './run.js';

/** What counts is what changes from look to look, so there must be some also when nobody asks. */
const LOOK_EVERY_MS = 500;

/** What is known of one camera. */
export interface ToldCamera {
  /** What it says of itself, once it is open. */
  stats?: () => CameraStats;
  /** What was wrong last while it was being opened. */
  lastError: string;
}

interface WatchedCamera {
  readonly told: ToldCamera;
  readonly watch: CameraWatch;
}

export class CameraHealthReport {
  readonly #cameras: WatchedCamera[] = [];
  readonly #services: OpenServices;
  readonly #looking: NodeJS.Timeout;

  constructor(run: Run, services: HealthServices) {
    this.#services = openServices(services, {
      version: packageVersion(),
      health: () => this.#health(),
      onEvent: (event) => tellPart(run, event),
    });
    this.#looking = setInterval(() => this.#health(), LOOK_EVERY_MS);
  }

  /** One more camera is told of from here on. */
  add(channel: string): ToldCamera {
    const watch = new CameraWatch(channel, DEFAULT_STALE_AFTER_MS);
    const told: ToldCamera = { lastError: '' };
    this.#cameras.push({ told, watch });
    return told;
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#services.close();
  }

  #health(): Health {
    const nowMs = performance.now();
    const cameras = this.#cameras.map(({ told: { stats, lastError }, watch }) => {
      return watch.look({ stats: stats?.(), restarts: 0, lastError }, nowMs);
    });
    return healthOf(cameras, this.#services.parts());
  }
}
