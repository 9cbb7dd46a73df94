/**
 * What may stand in the file of `sluice up`. Keys are those of the options in docs/api; the text of an error says what
 * was wanted, and problems.ts puts what was found before it.
 */
import { z } from 'zod';
import { channelNameProblem } from '../../core/index.js';
import { AUDIO_DTYPES, PIXEL_FORMATS } from '../../format/index.js';
import type { Memory } from '../../memory/index.js';
import { TENSOR_COLORS, TENSOR_DTYPES, TENSOR_LAYOUTS } from '../../pixels/index.js';
import { MQTT_TOPIC } from '../health/index.js';
import { TAP_FORMATS } from '../tap/index.js';

const MAX_COUNT = 2 ** 31 - 1;
const MEMORY = /^(?:host|cuda(?::(?:\d{1,4}|GPU-[0-9A-Fa-f-]{1,36}))?)$/;

function text(error = 'text') {
  return z.string({ error }).min(1, { error });
}

function integer(min: number, max = MAX_COUNT) {
  const error = `an integer from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

function number(min: number, max: number) {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

function oneOf<const T extends readonly string[]>(choices: T) {
  return z.enum(choices, { error: choices.join(', ').replace(/, ([^,]*)$/, ' or $1') });
}

function listOf<T extends z.ZodType>(member: T, error: string) {
  return z.array(member, { error });
}

function keysOf<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, { error: `keys of ${Object.keys(shape).join(', ')}` });
}

function named<T extends z.ZodType>(name: z.ZodString, member: T, error: string) {
  return z.record(name, member, { error });
}

const flag = z.boolean({ error: 'true or false' });
const CHANNEL = 'the name of a channel, such as camera/door';
const channel = text(CHANNEL).refine((name) => channelNameProblem(name) === undefined, {
  error: (issue) => `${CHANNEL}: it ${channelNameProblem(issue.input) ?? ''}`,
});
const memory = text()
  .regex(MEMORY, { error: 'host, cuda, cuda:N or cuda:GPU-UUID' })
  .transform((name) => name as Memory)
  .describe('Where frames live');
const size = text()
  .regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/, { error: 'WIDTHxHEIGHT, as 640x480' })
  .transform((words) => {
    const [width, height] = words.split('x').map(Number) as [number, number];
    return { width, height };
  });
const userIds = listOf(integer(0, 2 ** 32 - 2), 'a list of numbers of users');
const allow = keysOf({
  uids: userIds.exactOptional(),
  gids: userIds.exactOptional(),
  gpuUids: userIds.exactOptional(),
}).describe('Other users that may read, by number; gpuUids: who may have memory of a GPU');
const label = text().max(64, { error: 'text of at most 64 characters' });
const published = { allow: allow.exactOptional(), label: label.exactOptional() };
const pool = { memory: memory.exactOptional(), slots: integer(2).exactOptional() };
const ringBytes = integer(1).describe('Size of the ring of packets');
const staleAfterMs = integer(1000, 86_400_000).describe(
  'A camera that gives nothing for so long is not well',
);

const inputOption = z
  .union([text(), z.number()], { error: 'text or a number' })
  .transform((value) => String(value));

const pcm = keysOf({
  dtype: oneOf(AUDIO_DTYPES).exactOptional(),
  sampleRateHz: integer(1000, 192_000).exactOptional(),
  channels: integer(1, 8).exactOptional(),
}).describe('How sound is decoded for who reads it');

const camera = keysOf({
  input: text('a URL, a path, /dev/videoN, x11:DISPLAY or lavfi:GRAPH').describe(
    'URL, file, /dev/videoN, x11:DISPLAY or lavfi:GRAPH; in URLs ${NAME} is taken from the environment',
  ),
  subStream: text('a URL or a path')
    .describe(
      'A second, smaller stream of the camera, published as NAME/sub; variables as in input',
    )
    .exactOptional(),
  ...pool,
  loop: flag.exactOptional(),
  realtime: flag.exactOptional(),
  decode: oneOf(['always', 'demand', 'key']).exactOptional(),
  decodeThreads: integer(1, 64).exactOptional(),
  packetRingBytes: ringBytes.exactOptional(),
  audio: oneOf(['packets', 'none']).exactOptional(),
  pcm: pcm.exactOptional(),
  transport: oneOf(['tcp', 'udp']).exactOptional(),
  inputOptions: named(
    text(),
    inputOption,
    "a mapping of names of ffmpeg's options",
  ).exactOptional(),
  staleAfterMs: staleAfterMs.exactOptional(),
  ...published,
});

const tap = keysOf({
  channel,
  as: oneOf(TAP_FORMATS),
  socket: text('a path').describe('Path of the Unix socket').exactOptional(),
  tcp: text('HOST:PORT of this machine, as 127.0.0.1:8554').exactOptional(),
  size: size.exactOptional(),
  framesPerSecond: number(0.001, 10_000).exactOptional(),
  pixelFormat: oneOf(PIXEL_FORMATS).exactOptional(),
  whenLost: oneOf(['hold', 'close']).exactOptional(),
  maxClients: integer(1, 1024).exactOptional(),
  ...published,
});

const target = keysOf({
  width: integer(1, 16_384),
  height: integer(1, 16_384),
  pixelFormat: oneOf(PIXEL_FORMATS).exactOptional(),
  colors: oneOf(TENSOR_COLORS).exactOptional(),
  layout: oneOf(TENSOR_LAYOUTS).exactOptional(),
  dtype: oneOf(TENSOR_DTYPES).exactOptional(),
  mean: listOf(number(-1e6, 1e6), 'a list of numbers').exactOptional(),
  std: listOf(number(-1e6, 1e6), 'a list of numbers').exactOptional(),
}).describe('A tensor (colors, layout, dtype) or a picture (pixelFormat)');

const overlay = {
  detections: listOf(text(CHANNEL), 'a list of channels or patterns')
    .describe('Channels of detections, drawn over the pictures')
    .exactOptional(),
  maxDetectionAgeMs: integer(1).exactOptional(),
};

const filter = keysOf({
  inputs: listOf(text(CHANNEL), 'a list of channels or patterns').describe('Channels of pictures'),
  to: target,
  fit: oneOf(['letterbox', 'stretch']).exactOptional(),
  padding: z
    .tuple([number(0, 255), number(0, 255), number(0, 255)], { error: 'red, green and blue' })
    .exactOptional(),
  filter: oneOf(['auto', 'bilinear', 'area']).exactOptional(),
  batch: integer(1, 256).exactOptional(),
  maxWaitMs: number(0, 10_000).exactOptional(),
  ...overlay,
  ...pool,
  ...published,
});

const encoder = keysOf({
  input: channel,
  codec: oneOf(['h264', 'hevc']).exactOptional(),
  encoder: oneOf(['software', 'nvenc']).exactOptional(),
  bitsPerSecond: integer(1000).exactOptional(),
  keyFrameInterval: integer(1, 10_000).exactOptional(),
  packetRingBytes: ringBytes.exactOptional(),
  ...published,
});

const mosaic = keysOf({
  inputs: listOf(text(CHANNEL), 'a list of channels or patterns').describe('Channels of pictures'),
  width: integer(1, 16_384).exactOptional(),
  height: integer(1, 16_384).exactOptional(),
  pixelFormat: oneOf(PIXEL_FORMATS).exactOptional(),
  framesPerSecond: integer(1, 240).exactOptional(),
  columns: integer(1, 36).exactOptional(),
  labels: flag.exactOptional(),
  ...overlay,
  staleMs: integer(1).exactOptional(),
  leaveMs: integer(1).exactOptional(),
  filter: oneOf(['auto', 'bilinear', 'area']).exactOptional(),
  ...pool,
  ...published,
});

const seconds = number(0.001, 1e9);
const recorder = keysOf({
  channel: text(CHANNEL).describe('Of pictures, for .mcap of anything; or a pattern'),
  file: text('a path that ends in .mp4, .mkv or .mcap').describe(
    'Ends in .mp4, .mkv or .mcap; the time is put before the dot, {channel} stands for the channel',
  ),
  preRollSeconds: seconds.exactOptional(),
  segmentSeconds: seconds.describe('A new file after this time; default 600').exactOptional(),
  keepSeconds: seconds.exactOptional(),
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER).exactOptional(),
  label: label.exactOptional(),
});

const topic = text().regex(MQTT_TOPIC, { error: 'a topic without + and #' });
const mqtt = keysOf({
  url: text('mqtt://HOST:PORT or mqtts://HOST:PORT'),
  username: text().exactOptional(),
  password: text().exactOptional(),
  topic: topic.describe('Where topics begin; default sluice/HOSTNAME').exactOptional(),
  discovery: topic
    .describe('Announces cameras to Home Assistant below this topic, homeassistant there')
    .exactOptional(),
  everyMs: integer(100, 86_400_000).exactOptional(),
});

const metrics = z
  .union([integer(0, 65_535), text()], { error: 'a port, or HOST:PORT' })
  .transform((address) => String(address))
  .describe('Where Prometheus reads: a port of 127.0.0.1, or HOST:PORT');

/** The whole file. */
export const configSchema = keysOf({
  cameras: named(channel, camera, 'cameras by their channels').exactOptional(),
  taps: named(text(), tap, 'taps by names of your choice').exactOptional(),
  filters: named(channel, filter, 'filters by the channels that they make').exactOptional(),
  encoders: named(channel, encoder, 'encoders by the channels that they make').exactOptional(),
  mosaics: named(channel, mosaic, 'mosaics by the channels that they make').exactOptional(),
  recorders: named(text(), recorder, 'recorders by names of your choice').exactOptional(),
  staleAfterMs: staleAfterMs.exactOptional(),
  metrics: metrics.exactOptional(),
  mqtt: mqtt.exactOptional(),
});

export type Config = z.output<typeof configSchema>;
/** For editors: JSON Schema, draft 2020-12. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input' });
}
