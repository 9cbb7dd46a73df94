/*
 * What the host, the kernels of ring.cu and their twin in the simulator of the tests agree on.
 *
 * The ring is the slots layout of src/layout/control-block.ts and message-slot.ts; the structures are packed by
 * src/bus/publisher/gpu-batch.ts. Tests compare both with this file. Little-endian, naturally aligned.
 */
#ifndef SLUICE_RING_LAYOUT_H
#define SLUICE_RING_LAYOUT_H

/* Indices of 32-bit words in the control block. */
#define HEADER_HEAD 16
#define HEADER_HIGH_A 17
#define HEADER_HIGH_B 18
#define HEADER_NEWEST_START 40
/* Indices of 64-bit floating point numbers in it. */
#define HEADER_PUBLISHED 16
#define HEADER_BYTES 17

#define SLOT_BYTES 256u
#define SLOT_PAYLOAD_OFFSET 16u
#define SLOT_PAYLOAD_BYTES 240u
#define KIND_TYPE_MASK 255u
#define KIND_CONTINUATION 0x80000000u

#define STYLE_COUNT 256
#define PREFIX_BYTES 16
#define SUFFIX_BYTES 8

/* Threads of a block: 16 a slot, each of which stores 16 of its 256 bytes. */
#define BLOCK_THREADS 512u
#define LANES_PER_SLOT 16u
#define SLOTS_PER_BLOCK 32u
#define PLAN_THREADS 1024u

/* Messages whose contexts travel in the parameters of one launch. */
#define SMALL_MESSAGES 64

/* One message: where its text lies in the arena. */
struct Context {
  unsigned int offset;
  unsigned int byteLength;
  unsigned int type;
  /* Slots of the batch before this message. The kernels' own: filled by the host (small) or by ring_plan. */
  unsigned int slot;
};

/* What is put around the text of a type. */
struct Style {
  unsigned char prefixLength;
  unsigned char suffixLength;
  unsigned char reserved[6];
  unsigned char prefix[PREFIX_BYTES];
  unsigned char suffix[SUFFIX_BYTES];
};

/* In device memory, zeroed at first: what one batch leaves for the next one of the stream. */
struct State {
  unsigned long long head;
  unsigned long long published;
  unsigned long long bytes;
  /* Of the batch under way; 0 between batches. */
  unsigned long long batchBytes;
  unsigned int arrived;
  unsigned int clamped;
  unsigned int planUnits;
  unsigned int planLast;
};

/* In host memory, one a launch under way: what became of it. `number` is stored last. */
struct Result {
  double head;
  double published;
  double bytes;
  unsigned int newestStart;
  unsigned int units;
  unsigned int clamped;
  unsigned int number;
  unsigned int reserved[6];
};

/* One launch. Pointers are device addresses. */
struct Batch {
  unsigned long long ring;
  unsigned long long state;
  unsigned long long result;
  unsigned long long contexts;
  /* Of ring_plan for ring_write: contexts[count]. */
  unsigned long long plan;
  unsigned long long arena;
  /* Style[STYLE_COUNT], or 0. */
  unsigned long long styles;
  unsigned long long arenaBytes;
  /* With `fresh`: where the ring stands, because the host wrote to it last. Else the state says it. */
  unsigned long long head;
  unsigned long long published;
  unsigned long long bytes;
  unsigned int fresh;
  unsigned int count;
  /* Slots of the ring - 1. */
  unsigned int mask;
  /* From the ring's address to slot 0. */
  unsigned int recordsOffset;
  /* Longest message, at least what any style adds; the rest of a longer text is cut off. */
  unsigned int maxBytes;
  /* What to store into the result's `number`. */
  unsigned int number;
  /* ring_write_small: slots of the batch, and where its last message starts. */
  unsigned int units;
  unsigned int last;
};

struct SmallBatch {
  struct Batch batch;
  struct Context contexts[SMALL_MESSAGES];
};

#endif
