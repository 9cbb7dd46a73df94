/** How cameras and the parts beside them are, for those who watch over them. Plain JSON. */
import type { CameraStats } from '../camera/camera-stats.js';

export interface CameraHealth extends CameraStats {
  readonly channel: string;
  readonly healthy: boolean;
  /** Why it is not well, in words; '' when it is. */
  readonly problem: string;
  /** How often it was opened anew, after its publisher had ended. */
  readonly restarts: number;
}

/** starting: being opened · running · waiting: failed, and will be opened again · ended: its input came to its end. */
export type PartState = 'starting' | 'running' | 'waiting' | 'ended';

export type PartKind =
  'camera' | 'filter' | 'mosaic' | 'encoder' | 'tap' | 'recorder' | 'metrics' | 'mqtt';

export interface PartHealth {
  readonly kind: PartKind;
  readonly name: string;
  readonly state: PartState;
  readonly restarts: number;
  /** In words; '' when nothing is wrong. */
  readonly lastError: string;
  /** What it counts, when it is open and counts anything; of cameras see `cameras`. */
  readonly stats: Readonly<Record<string, unknown>> | undefined;
}

export interface Health {
  /** All cameras are well, and all parts run or have ended. */
  readonly healthy: boolean;
  readonly cameras: readonly CameraHealth[];
  /** Everything, cameras too. */
  readonly parts: readonly PartHealth[];
}

export function healthOf(cameras: readonly CameraHealth[], parts: readonly PartHealth[]): Health {
  const isFine = ({ state }: PartHealth): boolean => state === 'running' || state === 'ended';
  const healthy = cameras.every((camera) => camera.healthy) && parts.every(isFine);
  return { healthy, cameras, parts };
}
