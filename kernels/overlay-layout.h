/*
 * Marks over a picture: what the kernel of overlay.cu and its twin in the simulator of the tests have in common, and what
 * src/video/overlay/gpu-overlay.ts packs. What comes out is that of src/video/overlay/host-overlay.ts, to the bit.
 *
 * Little-endian, naturally aligned. Addresses are those of the device; the twin puts its own in their place.
 */
#ifndef SLUICE_OVERLAY_LAYOUT_H
#define SLUICE_OVERLAY_LAYOUT_H

#ifdef __CUDACC__
#define OVERLAY_FUNCTION static __device__ __forceinline__
#define OVERLAY_TABLE static __device__ const
#else
#define OVERLAY_FUNCTION static inline
#define OVERLAY_TABLE static const
#endif

#define OVERLAY_COMPONENTS 3
#define OVERLAY_MARKS 24
#define OVERLAY_LETTERS 68
#define LETTER_WIDTH 7
#define LETTER_HEIGHT 13
#define LABEL_MARGIN 2
#define FIRST_LETTER 0x20

#include "letters.h"

/* One component of the target. Pitch and step in bytes; `halves` is 2 where it has half the resolution both ways. */
struct OverlayComponent {
  unsigned long long samples;
  unsigned int pitch;
  unsigned int step;
  unsigned int bytesPerSample;
  /* Bits below a sample: 6 of p010. */
  unsigned int shift;
  unsigned int halves;
  unsigned int reserved;
};

/*
 * An outline, and a label of `length` letters; in pixels. Without width, or without letters, there is none. 132 bytes, so
 * that nothing is loaded in pairs, for which nvcc writes what older drivers refuse.
 */
struct OverlayMark {
  int x;
  int y;
  int width;
  int height;
  int thickness;
  int labelX;
  int labelY;
  int scale;
  int length;
  /* 0 to 256. */
  unsigned int opacity;
  /* Samples by component: of the outline and behind the letters, and of the letters. */
  unsigned int ground[OVERLAY_COMPONENTS];
  unsigned int ink[OVERLAY_COMPONENTS];
  unsigned char letters[OVERLAY_LETTERS];
};

struct Overlay {
  struct OverlayComponent components[OVERLAY_COMPONENTS];
  struct OverlayMark marks[OVERLAY_MARKS];
  unsigned int componentCount;
  unsigned int markCount;
  /* Around all marks, in pixels; begins at even ones. */
  unsigned int x;
  unsigned int y;
  unsigned int width;
  unsigned int height;
};

enum OverlayPart { PART_NONE, PART_GROUND, PART_INK };

OVERLAY_FUNCTION int isInk(const struct OverlayMark *mark, int column, int row) {
  if (column < 0 || column >= mark->length * LETTER_WIDTH || row < 0 || row >= LETTER_HEIGHT) return 0;
  const int letter = mark->letters[column / LETTER_WIDTH] - FIRST_LETTER;
  return (LETTERS[letter][row] & (0x80 >> column % LETTER_WIDTH)) != 0;
}

/* What of a mark is at a pixel. */
OVERLAY_FUNCTION enum OverlayPart partAt(const struct OverlayMark *mark, int x, int y) {
  const int across = x - mark->labelX, down = y - mark->labelY;
  if (mark->length > 0 && across >= 0 && down >= 0 &&
      across < (mark->length * LETTER_WIDTH + 2 * LABEL_MARGIN) * mark->scale &&
      down < (LETTER_HEIGHT + LABEL_MARGIN) * mark->scale) {
    const int ink = isInk(mark, across / mark->scale - LABEL_MARGIN, down / mark->scale - LABEL_MARGIN / 2);
    return ink ? PART_INK : PART_GROUND;
  }
  const int left = x - mark->x, top = y - mark->y;
  if (left < 0 || top < 0 || left >= mark->width || top >= mark->height) return PART_NONE;
  const int inside = left >= mark->thickness && left < mark->width - mark->thickness && top >= mark->thickness &&
                     top < mark->height - mark->thickness;
  return inside ? PART_NONE : PART_GROUND;
}

/* Sample (x, y) of a component, with all marks over it. */
OVERLAY_FUNCTION void drawSample(const struct Overlay *overlay, unsigned int index, unsigned int x, unsigned int y) {
  const struct OverlayComponent *component = &overlay->components[index];
  const unsigned long long at =
      component->samples + (unsigned long long)y * component->pitch + (unsigned long long)x * component->step;
  const int wide = component->bytesPerSample == 2;
  unsigned int sample = (wide ? *(const unsigned short *)at : *(const unsigned char *)at) >> component->shift;
  int changed = 0;
  for (unsigned int i = 0; i < overlay->markCount; i++) {
    const struct OverlayMark *mark = &overlay->marks[i];
    const enum OverlayPart part = partAt(mark, (int)(x * component->halves), (int)(y * component->halves));
    if (part == PART_NONE) continue;
    const unsigned int value = part == PART_INK ? mark->ink[index] : mark->ground[index];
    sample = (sample * (256 - mark->opacity) + value * mark->opacity + 128) >> 8;
    changed = 1;
  }
  if (!changed) return;
  if (wide) *(unsigned short *)at = (unsigned short)(sample << component->shift);
  else *(unsigned char *)at = (unsigned char)sample;
}

#endif
