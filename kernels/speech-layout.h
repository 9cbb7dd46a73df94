/*
 * What the agents of `sluice demo text --gpu` say: what the kernel of speech.cu and its twin in the simulator of the tests
 * have in common, and what src/demo/text/gpu-text-agents.ts packs. The lines are those of src/demo/text/transcript.ts.
 *
 * Little-endian, naturally aligned.
 */
#ifndef SLUICE_SPEECH_LAYOUT_H
#define SLUICE_SPEECH_LAYOUT_H

#include "ring-layout.h"

#ifdef __CUDACC__
#define SPEECH_FUNCTION static __device__ __forceinline__
#else
#define SPEECH_FUNCTION static inline
#endif

#define SPEECH_PHRASES 12
#define SPEECH_PHRASE_BYTES 80
/* Of the arena, for each line: a phrase, its number and what stands around it. */
#define SPEECH_LINE_BYTES 128

/* A phrase. 82 bytes. */
struct SpeechPhrase {
  unsigned char byteLength;
  unsigned char type;
  char words[SPEECH_PHRASE_BYTES];
};

struct SpeechTable {
  struct SpeechPhrase phrases[SPEECH_PHRASES];
};

/* Line `index` of an agent goes to place `at` of the arena, and where it stands to place `at` of the contexts. */
SPEECH_FUNCTION void sayLine(
    char *arena, struct Context *contexts, const struct SpeechTable *table, unsigned int agent, unsigned int index,
    unsigned int at) {
  const struct SpeechPhrase *phrase = &table->phrases[(agent * 5 + index) % SPEECH_PHRASES];
  char *line = arena + at * SPEECH_LINE_BYTES;
  unsigned int length = phrase->byteLength < SPEECH_PHRASE_BYTES ? phrase->byteLength : SPEECH_PHRASE_BYTES;
  for (unsigned int i = 0; i < length; i++) line[i] = phrase->words[i];
  line[length++] = ' ';
  line[length++] = '[';
  unsigned int scale = 1;
  while (index / scale >= 10) scale *= 10;
  for (; scale > 0; scale /= 10) line[length++] = (char)('0' + index / scale % 10);
  line[length++] = ']';
  contexts[at].offset = at * SPEECH_LINE_BYTES;
  contexts[at].byteLength = length;
  contexts[at].type = phrase->type;
  contexts[at].slot = 0;
}

#endif
