/**
 * What Home Assistant is told so that cameras show up in it by themselves: a retained message for each entity, by
 * https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. One that is empty takes the entity away again.
 *
 * ```text
 * PREFIX/COMPONENT/NODE/OBJECT/config    what stands between the strokes: letters, digits, _ and -
 * ```
 */
import { createHash } from 'node:crypto';

/** Where the state of a camera is told. */
export interface CameraTopics {
  /** `online` or `offline`: whether anything is told at all. */
  readonly available: string;
  readonly status: string;
  /** JSON. */
  readonly health: string;
}

interface Entity {
  readonly component: 'binary_sensor' | 'sensor';
  readonly object: string;
  readonly about: Readonly<Record<string, string>>;
}

function sensor(
  object: string,
  name: string,
  template: string,
  about: Readonly<Record<string, string>>,
): Entity {
  const common = { name, value_template: `{{ ${template} }}`, entity_category: 'diagnostic' };
  return { component: 'sensor', object, about: { ...common, ...about } };
}

const MEASURED = { state_class: 'measurement' };
const COUNTED = { state_class: 'total_increasing' };
const AGE = 'value_json.lastFrameAgeMs';

const ENTITIES: readonly Entity[] = [
  {
    component: 'binary_sensor',
    object: 'status',
    about: {
      name: 'Status',
      device_class: 'connectivity',
      payload_on: 'online',
      payload_off: 'offline',
    },
  },
  // A state has at most 255 characters.
  sensor('problem', 'Problem', 'value_json.problem[:255]', {}),
  sensor('frame_rate', 'Frame rate', 'value_json.framesPerSecond | round(1)', {
    ...MEASURED,
    unit_of_measurement: 'fps',
  }),
  sensor('bit_rate', 'Bit rate', '(value_json.bitsPerSecond / 1000) | round(0)', {
    ...MEASURED,
    device_class: 'data_rate',
    unit_of_measurement: 'kbit/s',
  }),
  sensor('decode_time', 'Decode time', 'value_json.decodeMs', {
    ...MEASURED,
    device_class: 'duration',
    unit_of_measurement: 'ms',
  }),
  sensor('frame_age', 'Last frame', `(${AGE} / 1000) | round(1) if ${AGE} >= 0 else none`, {
    ...MEASURED,
    device_class: 'duration',
    unit_of_measurement: 's',
  }),
  sensor('dropped', 'Dropped pictures', 'value_json.dropped', COUNTED),
  sensor('reconnects', 'Reconnects', 'value_json.reconnects', COUNTED),
];

/** The messages that announce a camera, as topic and text. `root`: where its topics begin, unlike any other process's. */
export function announcements(
  prefix: string,
  root: string,
  channel: string,
  topics: CameraTopics,
): [string, string][] {
  const id = identifier(root, channel);
  const device = { identifiers: [id], name: channel, manufacturer: 'Sluice', model: 'camera' };
  return ENTITIES.map(({ component, object, about }) => {
    const message = {
      ...about,
      unique_id: `${id}_${object}`,
      state_topic: component === 'sensor' ? topics.health : topics.status,
      availability_topic: topics.available,
      device,
      origin: { name: 'Sluice' },
    };
    return [topicOf(prefix, id, component, object), JSON.stringify(message)];
  });
}

/** The messages that take it away. */
export function withdrawals(prefix: string, root: string, channel: string): [string, string][] {
  const id = identifier(root, channel);
  return ENTITIES.map(({ component, object }) => [topicOf(prefix, id, component, object), '']);
}

function topicOf(prefix: string, id: string, component: string, object: string): string {
  return `${prefix}/${component}/${id}/${object}/config`;
}

/** `a/b` and `a_b` are two cameras. */
function identifier(root: string, channel: string): string {
  const sum = createHash('sha256').update(`${root}\0${channel}`).digest('hex').slice(0, 8);
  return `sluice_${channel.replaceAll(/[^\w-]/g, '_')}_${sum}`;
}
