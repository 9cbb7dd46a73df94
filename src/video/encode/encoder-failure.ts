/** Why an ffmpeg that encodes has ended, from what it said. */
import { SluiceError } from '../../core/index.js';
import { type ChildEnd, startFailure } from '../ffmpeg/index.js';

interface Reading {
  readonly pattern: RegExp;
  readonly found: string;
}

const NO_GPU = 'there is no NVIDIA GPU, or this process was not given it';

/** What no waiting mends. */
const READINGS: readonly Reading[] = [
  { pattern: /Cannot load libcuda|cuInit|no CUDA-capable device/i, found: NO_GPU },
  { pattern: /Cannot load libnvidia-encode/i, found: "the driver's encoder library is not there" },
  {
    pattern: /No capable devices found|unsupported device|No NVENC capable/i,
    found: 'the GPU has no encoder for such pictures',
  },
  { pattern: /minimum required Nvidia driver/i, found: "the GPU's driver is too old for ffmpeg" },
  { pattern: /Unknown encoder/i, found: 'ffmpeg was built without it' },
];

/** `attempt`: what was tried, such as "wall/packets: cannot encode by h264_nvenc". */
export function encoderFailure(attempt: string, end: ChildEnd): SluiceError {
  if (end.error !== undefined) return startFailure(end.error);
  const { lines } = end;
  const details = { ffmpeg: lines };
  const reading = READINGS.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  if (reading !== undefined) {
    return new SluiceError('UNSUPPORTED', `${attempt}: ${reading.found}`, {
      details,
      remedy: 'Choose the encoder of the processor, or look at what `ffmpeg -encoders` lists.',
    });
  }
  // The first is the cause, and those behind it what came of it.
  const found = lines[0] === undefined ? 'ffmpeg has ended' : `ffmpeg says: ${lines[0]}`;
  return new SluiceError('SYSTEM', `${attempt}: ${found}`, {
    details,
    remedy: 'What ffmpeg says names the cause.',
  });
}
