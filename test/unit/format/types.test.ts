/** What the compiler must infer. A wrong type fails the build of this file. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { TensorView } from '../../../src/tensor/index.js';
import {
  audio,
  bytes,
  type AudioFormat,
  type BytesFormat,
  type Format,
  type FrameFormat,
  json,
  type JsonFormat,
  type MessageFormat,
  packets,
  type PacketFormat,
  type Pattern,
  type Payload,
  type StandardSchema,
  tensor,
  type TensorFormat,
  tensors,
  type TensorsOf,
  text,
  type TextFormat,
  video,
  type VideoFormat,
} from '../../../src/format/index.js';

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** `same<A, B>()` compiles only when the types are the same. */
const same = (() => undefined) as <A, B>(
  ...verdict: Same<A, B> extends true ? [] : ['differs']
) => void;

interface Frame<F> {
  readonly format: F;
  readonly tensors: TensorsOf<F>;
}
/** Shaped as the public functions are. */
interface PublisherOf {
  <F extends FrameFormat>(channel: string, o: { format: F }): { readonly frame: Frame<F> };
  <F extends MessageFormat>(channel: string, o: { format: F }): { readonly value: Payload<F> };
}
interface SubscriberOf {
  <F extends FrameFormat>(
    channel: string,
    o: { format?: F | Pattern<F>; signal?: AbortSignal } & { format: F | Pattern<F> },
  ): { readonly frame: Frame<F> };
  <F extends MessageFormat>(
    channel: string,
    o: { format?: F | Pattern<F>; start?: 'oldest' } & { format: F | Pattern<F> },
  ): { readonly value: Payload<F> };
}

interface Boxes {
  frame: string;
  boxes: { x: number; label: string }[];
}

const open = (() => ({ frame: undefined, value: undefined })) as unknown as PublisherOf &
  SubscriberOf;
const publish: PublisherOf = open;
const subscribe: SubscriberOf = open;

/** A schema as libraries of Standard Schema v1 type theirs. */
interface LibrarySchema<I, O> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) =>
      | { readonly value: O; readonly issues?: undefined }
      | { readonly issues: readonly { readonly message: string }[] }
      | Promise<
          | { readonly value: O; readonly issues?: undefined }
          | { readonly issues: readonly { readonly message: string }[] }
        >;
    readonly types?: { readonly input: I; readonly output: O } | undefined;
  };
}
const librarySchema: LibrarySchema<string, number> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: Number(value) }) },
};

it('infers formats and patterns from the noun functions', () => {
  same<ReturnType<typeof text>, TextFormat>();
  const complete = video({ width: 1920, height: 1080, pixelFormat: 'nv12' });
  same<typeof complete, VideoFormat>();
  const anyVideo = video();
  const nv12 = video({ pixelFormat: 'nv12' });
  same<typeof anyVideo, Pattern<VideoFormat>>();
  same<typeof nv12, Pattern<VideoFormat>>();
  const anyTensors = tensors();
  same<typeof anyTensors, Pattern<TensorFormat>>();
  const anyPackets = packets();
  const h264 = packets({ codec: 'h264' });
  same<typeof anyPackets, Pattern<PacketFormat>>();
  same<typeof h264, PacketFormat>();
  const sound = audio({ sampleRateHz: 48000, channels: 2, dtype: 'f32', maxSamples: 960 });
  same<typeof sound, AudioFormat>();
  const stereo = audio({ channels: 2 });
  same<typeof stereo, Pattern<AudioFormat>>();
  const image = bytes('image/png');
  same<typeof image, BytesFormat>();
  const formats: Format[] = [complete, sound, h264, image, json<Boxes>(), tensor('f32', [1])];
  assert.equal(formats.length, 6);
});

it('infers what frames and messages hold', () => {
  const two = publish('llm/logits', {
    format: tensors({
      ids: { dtype: 'i64', shape: [64, 4096], variable: true },
      logits: { dtype: 'f32', shape: [64, 32000] },
    }),
  });
  same<typeof two.frame, Frame<TensorFormat<'ids' | 'logits'>>>();
  same<TensorsOf<TensorFormat<'ids'>>, Readonly<Record<'ids', TensorView>>>();
  same<TensorsOf<AudioFormat>, Readonly<Record<'samples', TensorView>>>();
  same<TensorsOf<VideoFormat>, never>();
  const asBigInt = (view: TensorView): BigInt64Array => view.data as BigInt64Array;
  const asFloat = (view: TensorView): Float32Array => view.data as Float32Array;
  assert.equal(typeof asBigInt, typeof asFloat);

  const boxes = publish('detect/door', { format: json<Boxes>() });
  same<typeof boxes.value, Boxes>();
  const checked = publish('detect/door', { format: json(librarySchema) });
  same<typeof checked.value, number>();
  const unchecked = publish('detect/door', { format: json() });
  same<typeof unchecked.value, unknown>();
  same<Payload<TextFormat>, string>();
  same<Payload<PacketFormat>, Uint8Array>();
  same<Payload<BytesFormat>, Uint8Array>();
  same<Payload<JsonFormat<Boxes>>, Boxes>();
  const schema: StandardSchema<number> = librarySchema;
  assert.ok(schema);
});

it('infers the format behind a pattern', () => {
  const nv12 = subscribe('camera/door', { format: video({ pixelFormat: 'nv12' }) });
  same<typeof nv12.frame, Frame<VideoFormat>>();
  const anyVideo = subscribe('camera/door', { format: video() });
  same<typeof anyVideo.frame, Frame<VideoFormat>>();
  const data = subscribe('camera/door', { format: tensor('f32', [3]) });
  same<typeof data.frame, Frame<TensorFormat<'data'>>>();
  const anyTensors = subscribe('llm/logits', { format: tensors() });
  same<typeof anyTensors.frame, Frame<TensorFormat>>();
  const sound = subscribe('mic', { format: audio() });
  same<typeof sound.frame, Frame<AudioFormat>>();
  const encoded = subscribe('camera/door/packets', { format: packets(), start: 'oldest' });
  same<typeof encoded.value, Uint8Array>();
  const lines = subscribe('agent/*', { format: text(), start: 'oldest' });
  same<typeof lines.value, string>();
  const boxes = subscribe('detect/door', { format: json<Boxes>() });
  same<typeof boxes.value, Boxes>();

  const lineage = (source: Frame<FrameFormat>): unknown => source;
  assert.equal(lineage(nv12.frame), undefined);
  assert.equal(lineage(data.frame), undefined);
  assert.equal(lineage(sound.frame), undefined);
});
