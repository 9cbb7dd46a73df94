/** Rows of pixels as a row a component, and back. */
import { type Code, v128 } from '../wasm/instructions.js';
import { KernelBuilder, type Local } from '../wasm/module-encoder.js';
import { type SampleBytes, WORDS_HIGH, WORDS_LOW } from './row-kernels.js';

const VECTOR_BYTES = 16;
/** Bytes of two vectors in turn: the lower half of both, or the upper half. */
const BYTES_LOW = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
const BYTES_HIGH = BYTES_LOW.map((byte) => byte + 8);
const UPPER_BYTES = Uint16Array.of(...Array<number>(8).fill(0xff00));

export function splitName(channels: number, elementBytes: number): string {
  return `split${channels}x${elementBytes}`;
}

export function spreadName(channels: number): string {
  return `spread${channels}`;
}

export function joinName(channels: number, elementBytes: number): string {
  return `join${channels}x${elementBytes}`;
}

/**
 * `wanted`: for each byte of a vector the byte of `sources` put behind each other that it is. Two sources at a time are
 * shuffled: what is known so far, and the next one.
 */
function gathered(sources: readonly Code[], wanted: readonly number[]): Code {
  const all = Array.from({ length: VECTOR_BYTES }, (_, byte) => byte);
  const first = Math.min(...wanted.map((byte) => byte >> 4));
  let known = sources[first]!;
  let places = wanted.map((byte) => (byte >> 4 === first ? byte & 15 : undefined));
  if (places.every((place) => place !== undefined)) return v128.shuffle(known, known, places);
  for (let next = first + 1; next < sources.length; next++) {
    if (!wanted.some((byte) => byte >> 4 === next)) continue;
    const lanes = all.map((byte) => {
      if (wanted[byte]! >> 4 === next) return VECTOR_BYTES + (wanted[byte]! & 15);
      return places[byte] ?? 0;
    });
    known = v128.shuffle(known, sources[next]!, lanes);
    places = all.map((byte) => (wanted[byte]! >> 4 <= next ? byte : undefined));
  }
  return known;
}

/** (target × min(channels, 3), source, pixels): the fourth channel is alpha, which nobody asks for. */
function splitKernel(channels: 2 | 3 | 4, elementBytes: SampleBytes): KernelBuilder {
  const outputs = Math.min(channels, 3);
  const kernel = new KernelBuilder(splitName(channels, elementBytes), outputs + 2);
  const targets = kernel.parameters.slice(0, outputs);
  const [source, count] = kernel.parameters.slice(outputs) as [Local, Local];
  const loaded = Array.from({ length: channels }, () => kernel.vector());
  const made = targets.map((_, channel) => {
    const wanted = Array.from({ length: VECTOR_BYTES }, (__, byte) => {
      const pixel = Math.floor(byte / elementBytes);
      return (pixel * channels + channel) * elementBytes + (byte % elementBytes);
    });
    return gathered(
      loaded.map((vector) => vector.get),
      wanted,
    );
  });
  kernel.repeat(count, VECTOR_BYTES / elementBytes, [
    ...loaded.map((vector, index) => vector.set(v128.load(source.get, index * VECTOR_BYTES))),
    ...targets.map((target, channel) => v128.store(target.get, 0, made[channel]!)),
    ...targets.map((target) => target.advance(VECTOR_BYTES)),
    source.advance(channels * VECTOR_BYTES),
  ]);
  return kernel;
}

/** As `splitKernel` for bytes, which become words of 16 bits: eight pixels at a time. */
function spreadKernel(channels: 2 | 3 | 4): KernelBuilder {
  const outputs = Math.min(channels, 3);
  const kernel = new KernelBuilder(spreadName(channels), outputs + 2);
  const targets = kernel.parameters.slice(0, outputs);
  const [source, count] = kernel.parameters.slice(outputs) as [Local, Local];
  const vectors = Math.ceil((8 * channels) / VECTOR_BYTES);
  const loaded = Array.from({ length: vectors }, () => kernel.vector());
  const stores = targets.map((target, channel) => {
    const twice = Array.from(
      { length: VECTOR_BYTES },
      (_, byte) => (byte >> 1) * channels + channel,
    );
    const bytes = gathered(
      loaded.map((vector) => vector.get),
      twice,
    );
    return v128.store(target.get, 0, v128.and(bytes, v128.constant(UPPER_BYTES)));
  });
  kernel.repeat(count, 8, [
    ...loaded.map((vector, index) => vector.set(v128.load(source.get, index * VECTOR_BYTES))),
    ...stores,
    ...targets.map((target) => target.advance(VECTOR_BYTES)),
    source.advance(8 * channels),
  ]);
  return kernel;
}

/** (target, source × channels, pixels) */
function joinKernel(channels: 2 | 3, elementBytes: SampleBytes): KernelBuilder {
  const kernel = new KernelBuilder(joinName(channels, elementBytes), channels + 2);
  const made = Array.from({ length: channels }, (_, part) => (vectors: readonly Code[]): Code => {
    const wanted = Array.from({ length: VECTOR_BYTES }, (__, byte) => {
      const element = Math.floor((part * VECTOR_BYTES + byte) / elementBytes);
      const [pixel, channel] = [Math.floor(element / channels), element % channels];
      return channel * VECTOR_BYTES + pixel * elementBytes + (byte % elementBytes);
    });
    return gathered(vectors, wanted);
  });
  return joining(kernel, elementBytes, made);
}

/** As `joinKernel` for four bytes a pixel, in pairs first. */
function joinFourKernel(): KernelBuilder {
  const pairs = (vectors: readonly Code[], first: number, lanes: readonly number[]): Code =>
    v128.shuffle(vectors[first]!, vectors[first + 1]!, lanes);
  const made = [BYTES_LOW, BYTES_HIGH].flatMap((half) =>
    [WORDS_LOW, WORDS_HIGH].map((lanes) => (vectors: readonly Code[]): Code => {
      return v128.shuffle(pairs(vectors, 0, half), pairs(vectors, 2, half), lanes);
    }),
  );
  return joining(new KernelBuilder(joinName(4, 1), 6), 1, made);
}

/** `made`: the vectors of the target, of one of each source. */
function joining(
  kernel: KernelBuilder,
  elementBytes: SampleBytes,
  made: readonly ((vectors: readonly Code[]) => Code)[],
): KernelBuilder {
  const [target, ...rest] = kernel.parameters as [Local, ...Local[]];
  const count = rest.pop() as Local;
  const loaded = rest.map(() => kernel.vector());
  const vectors = loaded.map((vector) => vector.get);
  kernel.repeat(count, VECTOR_BYTES / elementBytes, [
    ...loaded.map((vector, channel) => vector.set(v128.load(rest[channel]!.get))),
    ...made.map((make, part) => v128.store(target.get, part * VECTOR_BYTES, make(vectors))),
    ...rest.map((source) => source.advance(VECTOR_BYTES)),
    target.advance(made.length * VECTOR_BYTES),
  ]);
  return kernel;
}

export function interleaveKernels(): readonly KernelBuilder[] {
  const apart = ([2, 3, 4] as const).flatMap((channels) => [
    ...[splitKernel(channels, 1), splitKernel(channels, 2), spreadKernel(channels)],
  ]);
  return [...apart, joinKernel(2, 1), joinKernel(2, 2), joinKernel(3, 1), joinFourKernel()];
}
