/*
 * Runs the kernels of pixels.cu and overlay.cu, thread by thread as a launch would, and their twins of the simulator on the
 * same random work, and compares every byte: compare-pictures ROUNDS
 */
#include <random>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

#include "cuda-on-cpu.h"
#include "overlay-layout.h"
#include "pixels-layout.h"

extern "C" {
struct launch {
  const void *parameter;
};
void convert_pixels(const PixelConversion conversion);
void draw_overlay(const Overlay overlay);
void twin_convert_pixels(launch *);
void twin_draw_overlay(launch *);
}

static const unsigned COLUMNS = 32, ROWS = 8;
static std::mt19937 generator;

static unsigned below(unsigned end) {
  return (unsigned)(generator() % end);
}

static std::vector<unsigned char> noise(size_t bytes) {
  std::vector<unsigned char> made(bytes);
  for (auto &byte : made) byte = (unsigned char)below(256);
  return made;
}

static unsigned long long addressOf(const void *memory) {
  return (unsigned long long)(uintptr_t)memory;
}

template <class T>
static void runGrid(void (*kernel)(const T), const T &parameter, unsigned width, unsigned height, unsigned depth) {
  for (unsigned z = 0; z < depth; z++)
    for (unsigned y = 0; y < (height + ROWS - 1) / ROWS; y++)
      for (unsigned x = 0; x < (width + COLUMNS - 1) / COLUMNS; x++)
        for (unsigned thread = 0; thread < COLUMNS * ROWS; thread++) {
          blockIdx = {x, y, z};
          threadIdx = {thread % COLUMNS, thread / COLUMNS, 0};
          kernel(parameter);
        }
}

/* What a conversion reads: kept until both have run. */
struct Source {
  std::vector<std::vector<unsigned char>> memory;

  unsigned long long keep(std::vector<unsigned char> bytes) {
    memory.push_back(std::move(bytes));
    return addressOf(memory.back().data());
  }

  PixelTaps taps(unsigned outputs, unsigned samples) {
    PixelTaps made = {0, 0, 1 + below(3), outputs};
    std::vector<unsigned char> first(outputs * 4);
    for (unsigned i = 0; i < outputs; i++) {
      const int at = (int)below(samples - made.taps + 1);
      memcpy(first.data() + i * 4, &at, 4);
    }
    made.first = keep(std::move(first));
    std::vector<unsigned char> weights(outputs * made.taps * 2);
    for (unsigned i = 0; i < outputs * made.taps; i++) {
      const unsigned short weight = (unsigned short)((1u << TAP_BITS) / made.taps);
      memcpy(weights.data() + i * 2, &weight, 2);
    }
    made.weights = keep(std::move(weights));
    return made;
  }
};

/* Whether both wrote the same. */
static bool convertsAlike() {
  Source source;
  PixelConversion conversion = {};
  conversion.passCount = 1 + below(2);
  const unsigned regionWidth = 1 + below(75), regionHeight = 1 + below(21);
  const unsigned pitch = regionWidth * 16 + below(9) * 4;
  const std::vector<unsigned char> before = noise((size_t)pitch * regionHeight * 8);
  std::vector<unsigned char> byKernel = before, byTwin = before;
  for (unsigned i = 0; i < conversion.passCount; i++) {
    PixelPass &pass = conversion.passes[i];
    pass.regionWidth = i == 0 ? regionWidth : (regionWidth + 1) / 2;
    pass.regionHeight = i == 0 ? regionHeight : (regionHeight + 1) / 2;
    pass.x = below(pass.regionWidth), pass.y = below(pass.regionHeight);
    pass.width = 1 + below(pass.regionWidth - pass.x), pass.height = 1 + below(pass.regionHeight - pass.y);
    pass.outputCount = 1 + below(PIXEL_OUTPUTS);
    pass.transforms = below(2);
    pass.inputCount = pass.transforms ? 1 + below(PIXEL_INPUTS) : PIXEL_INPUTS;
    for (int &factor : pass.transform) factor = (int)below(1u << 14) - (1 << 13);
    for (unsigned n = 0; n < pass.inputCount; n++) {
      PixelInput &input = pass.inputs[n];
      const unsigned width = 4 + below(40), height = 4 + below(20);
      input.bytesPerSample = 1 + below(2), input.step = input.bytesPerSample * (1 + below(3));
      input.pitch = width * input.step;
      input.samples = source.keep(noise((size_t)input.pitch * height));
      input.columns = source.taps(pass.width, width), input.rows = source.taps(pass.height, height);
    }
    for (unsigned n = 0; n < pass.outputCount; n++) {
      PixelOutput &output = pass.outputs[n];
      output.kind = below(5), output.padding = below(65536);
      output.pitch = pitch, output.step = 4;
      if (output.kind >= KIND_TABLE_16) output.table = source.keep(noise(256 * 4));
      /* Each has a part of the target of its own. */
      output.samples = (unsigned long long)(i * PIXEL_OUTPUTS + n) * pitch * regionHeight;
    }
  }
  const auto into = [&](std::vector<unsigned char> &target) {
    PixelConversion made = conversion;
    for (unsigned i = 0; i < made.passCount; i++)
      for (unsigned n = 0; n < made.passes[i].outputCount; n++)
        made.passes[i].outputs[n].samples += addressOf(target.data());
    return made;
  };
  runGrid(convert_pixels, into(byKernel), regionWidth, regionHeight, conversion.passCount);
  const PixelConversion again = into(byTwin);
  launch twin = {&again};
  twin_convert_pixels(&twin);
  return byKernel == byTwin && byKernel != before;
}

static bool drawsAlike() {
  Overlay overlay = {};
  const unsigned width = 40 + below(90), height = 20 + below(40);
  overlay.x = 2 * below(9), overlay.y = 2 * below(5);
  overlay.width = 1 + below(width - overlay.x), overlay.height = 1 + below(height - overlay.y);
  overlay.componentCount = 1 + below(OVERLAY_COMPONENTS), overlay.markCount = 1 + below(OVERLAY_MARKS);
  const unsigned pitch = width * 2;
  const std::vector<unsigned char> before = noise((size_t)pitch * height * OVERLAY_COMPONENTS);
  std::vector<unsigned char> byKernel = before, byTwin = before;
  for (unsigned i = 0; i < overlay.componentCount; i++) {
    const unsigned bytes = 1 + below(2);
    overlay.components[i] = {(unsigned long long)i * pitch * height, pitch, bytes, bytes, bytes == 2 ? 6u : 0u,
                             1 + below(2), 0};
  }
  for (unsigned i = 0; i < overlay.markCount; i++) {
    OverlayMark &mark = overlay.marks[i];
    mark.x = (int)(overlay.x + below(overlay.width)), mark.y = (int)(overlay.y + below(overlay.height));
    mark.width = (int)below(width), mark.height = (int)below(height), mark.thickness = 1 + (int)below(4);
    mark.labelX = (int)(overlay.x + below(overlay.width)), mark.labelY = (int)(overlay.y + below(overlay.height));
    mark.scale = 1 + (int)below(3), mark.length = (int)below(OVERLAY_LETTERS + 1), mark.opacity = 1 + below(256);
    for (unsigned &sample : mark.ground) sample = below(256);
    for (unsigned &sample : mark.ink) sample = below(256);
    for (unsigned char &letter : mark.letters) letter = (unsigned char)(FIRST_LETTER + below(95));
  }
  const auto onto = [&](std::vector<unsigned char> &target) {
    Overlay made = overlay;
    for (auto &component : made.components) component.samples += addressOf(target.data());
    return made;
  };
  runGrid(draw_overlay, onto(byKernel), overlay.width, overlay.height, overlay.componentCount);
  const Overlay again = onto(byTwin);
  launch twin = {&again};
  twin_draw_overlay(&twin);
  return byKernel == byTwin;
}

int main(int, char **words) {
  const int rounds = atoi(words[1]);
  int different = 0;
  for (int round = 0; round < rounds; round++) {
    generator.seed((unsigned)round);
    if (!convertsAlike() || !drawsAlike()) different++;
  }
  printf("%d of %d rounds differ\n", different, rounds);
  return different == 0 ? 0 : 1;
}
