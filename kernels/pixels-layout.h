/*
 * One pixel of a conversion: what the kernel of pixels.cu and its twin in the simulator of the tests have in common,
 * and what src/video/conversion/gpu-conversion.ts packs. The sums are those of src/pixels, to the bit.
 *
 * Little-endian, naturally aligned. Addresses are those of the device; the twin puts its own in their place.
 */
#ifndef SLUICE_PIXELS_LAYOUT_H
#define SLUICE_PIXELS_LAYOUT_H

#ifdef __CUDACC__
#define PIXEL_FUNCTION static __device__ __forceinline__
#else
#define PIXEL_FUNCTION static inline
#endif

#define TAP_BITS 14
#define TRANSFORM_BITS 13
#define PIXEL_INPUTS 3
#define PIXEL_OUTPUTS 4
#define PIXEL_PASSES 2

/* How a word is stored. */
enum PixelKind { KIND_8, KIND_10, KIND_16, KIND_TABLE_16, KIND_TABLE_32 };

/* `taps` weights (u16) for each output, of consecutive samples from first[output] (i32) on. */
struct PixelTaps {
  unsigned long long first;
  unsigned long long weights;
  unsigned int taps;
  unsigned int outputs;
};

/* A component of the source, from its first sample on. Pitch and step in bytes. */
struct PixelInput {
  unsigned long long samples;
  unsigned int pitch;
  unsigned int step;
  unsigned int bytesPerSample;
  unsigned int reserved;
  struct PixelTaps columns;
  struct PixelTaps rows;
};

/* A component of the target, from the first sample of the region on. `padding` is the sample outside of the picture. */
struct PixelOutput {
  unsigned long long samples;
  unsigned long long table;
  unsigned int pitch;
  unsigned int step;
  unsigned int kind;
  unsigned int padding;
};

struct PixelPass {
  struct PixelInput inputs[PIXEL_INPUTS];
  struct PixelOutput outputs[PIXEL_OUTPUTS];
  int transform[4 * PIXEL_OUTPUTS];
  unsigned int regionWidth;
  unsigned int regionHeight;
  /* Of the picture in the region. */
  unsigned int x;
  unsigned int y;
  unsigned int width;
  unsigned int height;
  unsigned int inputCount;
  unsigned int outputCount;
  unsigned int transforms;
  unsigned int reserved;
};

struct PixelConversion {
  struct PixelPass passes[PIXEL_PASSES];
  unsigned int passCount;
  unsigned int reserved;
};

PIXEL_FUNCTION unsigned int sampleAt(unsigned long long address, unsigned int bytes) {
  return bytes == 1 ? *(const unsigned char *)address : *(const unsigned short *)address;
}

/* The word of an input at a pixel of the picture: rows first, then columns. */
PIXEL_FUNCTION unsigned int inputWord(const struct PixelInput *input, unsigned int x, unsigned int y) {
  const unsigned int bytes = input->bytesPerSample, shift = bytes == 1 ? TAP_BITS - 8 : TAP_BITS;
  const unsigned short *columns = (const unsigned short *)input->columns.weights + x * input->columns.taps;
  const unsigned short *rows = (const unsigned short *)input->rows.weights + y * input->rows.taps;
  const unsigned long long corner =
      input->samples + (unsigned long long)((const int *)input->rows.first)[y] * input->pitch +
      (unsigned long long)((const int *)input->columns.first)[x] * input->step;
  unsigned int sum = 1u << (TAP_BITS - 1);
  for (unsigned int column = 0; column < input->columns.taps; column++) {
    unsigned int word = (1u << shift) >> 1;
    for (unsigned int row = 0; row < input->rows.taps; row++) {
      const unsigned long long at = corner + (unsigned long long)row * input->pitch + column * input->step;
      word += sampleAt(at, bytes) * rows[row];
    }
    sum += (word >> shift) * columns[column];
  }
  return sum >> TAP_BITS;
}

PIXEL_FUNCTION int clampTo(int value, int most) {
  return value < 0 ? 0 : value > most ? most : value;
}

/* The sample of an output, whose word is in `value` with `bits` behind the point. */
PIXEL_FUNCTION unsigned int outputSample(const struct PixelOutput *output, int value, int bits) {
  if (output->kind == KIND_10 || output->kind == KIND_16) {
    const int word = bits == 0 ? value : (value + (1 << (bits - 1))) >> bits;
    return output->kind == KIND_16 ? clampTo(word, 65535) : clampTo((word + 32) >> 6, 1023) << 6;
  }
  const int byte = clampTo((value + (1 << (bits + 7))) >> (bits + 8), 255);
  if (output->kind == KIND_TABLE_16) return ((const unsigned short *)output->table)[byte];
  if (output->kind == KIND_TABLE_32) return ((const unsigned int *)output->table)[byte];
  return byte;
}

PIXEL_FUNCTION void storeSample(const struct PixelOutput *output, unsigned int x, unsigned int y, unsigned int sample) {
  const unsigned long long at = output->samples + (unsigned long long)y * output->pitch + x * output->step;
  if (output->kind == KIND_8) *(unsigned char *)at = (unsigned char)sample;
  else if (output->kind == KIND_TABLE_32) *(unsigned int *)at = sample;
  else *(unsigned short *)at = (unsigned short)sample;
}

/* Pixel (x, y) of the region. */
PIXEL_FUNCTION void convertPixel(const struct PixelPass *pass, unsigned int x, unsigned int y) {
  const unsigned int column = x - pass->x, row = y - pass->y;
  const int inside = column < pass->width && row < pass->height;
  unsigned int words[PIXEL_INPUTS] = {0, 0, 0};
  for (unsigned int i = 0; i < PIXEL_INPUTS; i++) {
    if (inside && i < pass->inputCount) words[i] = inputWord(&pass->inputs[i], column, row);
  }
  for (unsigned int i = 0; i < PIXEL_OUTPUTS; i++) {
    if (i >= pass->outputCount) break;
    const struct PixelOutput *output = &pass->outputs[i];
    unsigned int sample = output->padding;
    if (inside && !pass->transforms) sample = outputSample(output, (int)words[i % PIXEL_INPUTS], 0);
    else if (inside) {
      const int *factors = pass->transform + 4 * i;
      const unsigned int sum = words[0] * (unsigned int)factors[0] + words[1] * (unsigned int)factors[1] +
                               words[2] * (unsigned int)factors[2] + (unsigned int)factors[3];
      sample = outputSample(output, (int)sum, TRANSFORM_BITS);
    }
    storeSample(output, x, y, sample);
  }
}

#endif
