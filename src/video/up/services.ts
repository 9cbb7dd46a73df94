/** What tells of health, without a file: Prometheus and MQTT beside a single camera. */
import { printable } from '../../core/index.js';
import { hideSecrets, redact } from '../ffmpeg/index.js';
import type { Health, MqttOptions, PartHealth } from '../health/index.js';
import { type Part, withServices } from './part-spec.js';
import { RunningPart } from './running-part.js';
import type { UpEvent } from './supervisor.js';

export interface HealthServices {
  readonly metrics?: string;
  readonly mqtt?: MqttOptions;
}

export interface ServiceSurroundings {
  readonly version: string;
  readonly health: () => Health;
  /** Told of everything, in text that is safe to show. */
  readonly onEvent: (event: UpEvent) => void;
}

export interface OpenServices {
  parts(): readonly PartHealth[];
  /** Idempotent. */
  close(): Promise<void>;
}

/** Opens them, again and again where they fail, until `close()`. */
export function openServices(
  services: HealthServices,
  { version, health, onEvent }: ServiceSurroundings,
): OpenServices {
  const { parts } = withServices<{ readonly parts: readonly Part[] }>({ parts: [] }, services);
  const { secrets } = hideSecrets(services.mqtt?.url ?? '');
  const shown = (text: string): string => printable(redact(text, secrets), 1000);
  const running = parts.map((part) => {
    const { kind } = part.spec;
    return new RunningPart(part, { directory: undefined, version, health }, (event) => {
      const safe = 'message' in event ? { ...event, message: shown(event.message) } : event;
      onEvent({ ...safe, kind, name: part.name });
    });
  });
  return {
    parts: () =>
      running.map((one) => {
        const state = one.health();
        return { ...state, lastError: shown(state.lastError) };
      }),
    close: async () => {
      await Promise.all(running.map((one) => one.stop()));
    },
  };
}
