/* The kernel of kernels/overlay.cu: the same samples, one after the other. */
#include "../../kernels/overlay-layout.h"
#include "simulator.h"

SIMULATED_KERNEL(draw_overlay, sizeof(struct Overlay)) {
  struct Overlay overlay = PARAMETER(launch, 0, struct Overlay);
  for (unsigned int i = 0; i < overlay.componentCount; i++) {
    struct OverlayComponent *component = &overlay.components[i];
    const unsigned int halves = component->halves;
    const unsigned int columns = (overlay.width + halves - 1) / halves, rows = (overlay.height + halves - 1) / halves;
    const unsigned int left = overlay.x / halves, top = overlay.y / halves;
    uint64_t bytes = (top + rows - 1ull) * component->pitch + (left + columns - 1ull) * component->step;
    void *found = device_memory(launch, component->samples, bytes + component->bytesPerSample, OPEN_WRITE);
    if (found == NULL) return;
    component->samples = (unsigned long long)(uintptr_t)found;
    for (unsigned int y = 0; y < rows; y++)
      for (unsigned int x = 0; x < columns; x++) drawSample(&overlay, i, left + x, top + y);
  }
}
