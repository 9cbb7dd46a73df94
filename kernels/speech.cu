/*
 * Lines of text for a batch of `GpuProducer`, a thread a line: the lines `first` and on of one agent, in the arena from
 * its start on, and the contexts that say where each is. What a line is stands in speech-layout.h.
 */
#include "speech-layout.h"

extern "C" __global__ void say_lines(
    char *arena, Context *contexts, const __grid_constant__ SpeechTable table, unsigned int agent, unsigned int first) {
  sayLine(arena, contexts, &table, agent, first + threadIdx.x, threadIdx.x);
}
