/*
 * Pictures as other pictures, or as tensors, in one launch a frame: a thread a pixel of the target's region, the passes
 * of a plan (luma and chroma) beside each other in z. What a pixel is made of stands in pixels-layout.h.
 */
#include "pixels-layout.h"

extern "C" __global__ void __launch_bounds__(256) convert_pixels(const __grid_constant__ PixelConversion conversion) {
  const PixelPass *pass = &conversion.passes[blockIdx.z];
  const unsigned int x = blockIdx.x * 32 + threadIdx.x;
  const unsigned int y = blockIdx.y * 8 + threadIdx.y;
  if (x < pass->regionWidth && y < pass->regionHeight) convertPixel(pass, x, y);
}
