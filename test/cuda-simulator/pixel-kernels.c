/* The kernel of kernels/pixels.cu: the same pixels, one after the other. */
#include "../../kernels/pixels-layout.h"
#include "simulator.h"

/* A device address, `bytes` long, becomes one of this process. */
static bool reach(struct launch *launch, unsigned long long *address, uint64_t bytes, int mode) {
  void *found = device_memory(launch, *address, bytes, mode);
  *address = (unsigned long long)(uintptr_t)found;
  return found != NULL;
}

static bool reach_taps(struct launch *launch, struct PixelTaps *taps) {
  return reach(launch, &taps->first, taps->outputs * 4ull, OPEN_READ) &&
         reach(launch, &taps->weights, taps->outputs * taps->taps * 2ull, OPEN_READ);
}

static bool reach_input(struct launch *launch, struct PixelInput *input) {
  if (!reach_taps(launch, &input->columns) || !reach_taps(launch, &input->rows)) return false;
  uint64_t row = ((const int *)input->rows.first)[input->rows.outputs - 1] + input->rows.taps - 1ull;
  uint64_t column = ((const int *)input->columns.first)[input->columns.outputs - 1] + input->columns.taps - 1ull;
  uint64_t bytes = row * input->pitch + column * input->step + input->bytesPerSample;
  return reach(launch, &input->samples, bytes, OPEN_READ);
}

static bool reach_output(struct launch *launch, const struct PixelPass *pass, struct PixelOutput *output) {
  uint64_t size = output->kind == KIND_8 ? 1 : output->kind == KIND_TABLE_32 ? 4 : 2;
  uint64_t bytes = (pass->regionHeight - 1ull) * output->pitch + (pass->regionWidth - 1ull) * output->step + size;
  if (output->table != 0 && !reach(launch, &output->table, 256 * size, OPEN_READ)) return false;
  return reach(launch, &output->samples, bytes, OPEN_WRITE);
}

SIMULATED_KERNEL(convert_pixels, sizeof(struct PixelConversion)) {
  struct PixelConversion conversion = PARAMETER(launch, 0, struct PixelConversion);
  for (unsigned int i = 0; i < conversion.passCount; i++) {
    struct PixelPass *pass = &conversion.passes[i];
    for (unsigned int input = 0; input < pass->inputCount; input++)
      if (!reach_input(launch, &pass->inputs[input])) return;
    for (unsigned int output = 0; output < pass->outputCount; output++)
      if (!reach_output(launch, pass, &pass->outputs[output])) return;
    for (unsigned int y = 0; y < pass->regionHeight; y++)
      for (unsigned int x = 0; x < pass->regionWidth; x++) convertPixel(pass, x, y);
  }
}
