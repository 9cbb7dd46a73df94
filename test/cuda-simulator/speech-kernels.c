/* The kernel of kernels/speech.cu: the same lines, one after the other. */
#include "../../kernels/speech-layout.h"
#include "simulator.h"

SIMULATED_KERNEL(say_lines, 8, 8, sizeof(struct SpeechTable), 4, 4) {
  const unsigned int lines = launch->block[0];
  uint64_t arena_bytes = (uint64_t)lines * SPEECH_LINE_BYTES, contexts_bytes = lines * sizeof(struct Context);
  char *arena = device_memory(launch, PARAMETER(launch, 0, uint64_t), arena_bytes, OPEN_WRITE);
  struct Context *contexts = device_memory(launch, PARAMETER(launch, 1, uint64_t), contexts_bytes, OPEN_WRITE);
  if (arena == NULL || contexts == NULL) return;
  struct SpeechTable table = PARAMETER(launch, 2, struct SpeechTable);
  unsigned int agent = PARAMETER(launch, 3, uint32_t), first = PARAMETER(launch, 4, uint32_t);
  for (unsigned int at = 0; at < lines; at++) sayLine(arena, contexts, &table, agent, first + at, at);
}
