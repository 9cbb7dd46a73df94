/*
 * Outlines and labels over a picture, in place: a thread a sample of the rectangle around all marks, the components beside
 * each other in z. A thread goes through all marks in their order, so that it does not matter which runs first. What a
 * mark looks like stands in overlay-layout.h.
 */
#include "overlay-layout.h"

extern "C" __global__ void __launch_bounds__(256) draw_overlay(const __grid_constant__ Overlay overlay) {
  const unsigned int halves = overlay.components[blockIdx.z].halves;
  const unsigned int column = blockIdx.x * 32 + threadIdx.x;
  const unsigned int row = blockIdx.y * 8 + threadIdx.y;
  const unsigned int columns = (overlay.width + halves - 1) / halves, rows = (overlay.height + halves - 1) / halves;
  if (column < columns && row < rows) {
    drawSample(&overlay, blockIdx.z, overlay.x / halves + column, overlay.y / halves + row);
  }
}
