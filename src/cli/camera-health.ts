/** The health of one camera, told by `--metrics` and `--mqtt` as `sluice up` tells that of many. */
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

export class CameraHealthReport {
  /** What the camera says of itself, once it is open. */
  stats: (() => CameraStats) | undefined;
  /** What was wrong last while it was being opened. */
  lastError = '';
  readonly #watch: CameraWatch;
  readonly #services: OpenServices;
  readonly #looking: NodeJS.Timeout;

  constructor(run: Run, channel: string, services: HealthServices) {
    this.#watch = new CameraWatch(channel, DEFAULT_STALE_AFTER_MS);
    this.#services = openServices(services, {
      version: packageVersion(),
      health: () => this.#health(),
      onEvent: (event) => tellPart(run, event),
    });
    this.#looking = setInterval(() => this.#health(), LOOK_EVERY_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#services.close();
  }

  #health(): Health {
    const { stats, lastError } = this;
    const situation = { stats: stats?.(), restarts: 0, lastError };
    return healthOf([this.#watch.look(situation, performance.now())], this.#services.parts());
  }
}
