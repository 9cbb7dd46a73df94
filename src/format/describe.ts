/** A format in a few words, as the command line shows it. */
import type { TensorSpec } from '../tensor/index.js';
import type { AudioFormat, Format, TensorFormat } from './format-types.js';

/**
 * `nv12 3840x2160` · `f32 [64,32000]` · `ids i64 [≤64,≤4096], logits f32 [64,32000]` · `i16 16 kHz
 * mono` · `json` · `bytes image/png` · `h264`. Safe for a terminal: names in a format are plain
 * ASCII.
 */
export function describeFormat(format: Format): string {
  switch (format.kind) {
    case 'video':
      return `${format.pixelFormat} ${format.width}x${format.height}`;
    case 'tensor':
      return describeTensors(format);
    case 'audio':
      return describeAudio(format);
    case 'packet':
      return format.codec;
    case 'bytes':
      return format.mediaType === undefined ? 'bytes' : `bytes ${format.mediaType}`;
    case 'text':
    case 'json':
      return format.kind;
  }
}

function describeTensors({ tensors }: TensorFormat): string {
  const names = Object.keys(tensors);
  if (names.length === 1 && names[0] === 'data') return describeSpec(tensors['data']!);
  return names.map((name) => `${name} ${describeSpec(tensors[name]!)}`).join(', ');
}

function describeSpec(spec: TensorSpec): string {
  const bound = spec.variable === true ? '≤' : '';
  return `${spec.dtype} [${spec.shape.map((dimension) => `${bound}${dimension}`).join(',')}]`;
}

function describeAudio({ dtype, sampleRateHz, channels }: AudioFormat): string {
  const named = ['', 'mono', 'stereo'][channels] ?? `${channels} channels`;
  return `${dtype} ${sampleRateHz / 1000} kHz ${named}`;
}
