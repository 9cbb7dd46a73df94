/*
 * The kernels of kernels/ring.cu for the simulator: the same structures and results, one slot after the other. Written
 * anew rather than compiled from that source, so that each checks the other.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../../kernels/ring-layout.h"
#include "simulator.h"

/* What a batch touches, where this process can. */
struct reach {
  const struct Batch *batch;
  char *ring;
  struct State *state;
  struct Result *result;
  const char *arena;
  const struct Style *styles;
  uint64_t head;
};

struct message {
  const char *text;
  const struct Style *style;
  uint32_t text_bytes;
  uint32_t bytes;
  uint32_t type;
};

static bool reach(struct launch *launch, const struct Batch *batch, struct reach *to) {
  uint64_t ring_bytes = batch->recordsOffset + ((uint64_t)batch->mask + 1) * SLOT_BYTES;
  to->batch = batch;
  to->ring = device_memory(launch, batch->ring, ring_bytes, OPEN_WRITE);
  to->state = device_memory(launch, batch->state, sizeof *to->state, OPEN_WRITE);
  to->result = device_memory(launch, batch->result, sizeof *to->result, OPEN_WRITE);
  to->arena = device_memory(launch, batch->arena, batch->arenaBytes, OPEN_READ);
  to->styles = NULL;
  if (batch->styles != 0)
    to->styles = device_memory(launch, batch->styles, STYLE_COUNT * sizeof *to->styles, OPEN_READ);
  bool complete = to->ring && to->state && to->result && to->arena;
  if (complete) to->head = batch->fresh ? batch->head : to->state->head;
  return complete && (batch->styles == 0 || to->styles != NULL);
}

static uint32_t slots_of(uint32_t bytes) {
  return bytes == 0 ? 1 : (bytes - 1) / SLOT_PAYLOAD_BYTES + 1;
}

static uint32_t overhead(const struct reach *at, uint32_t type) {
  return at->styles == NULL ? 0 : at->styles[type].prefixLength + at->styles[type].suffixLength;
}

/* Cuts a context to what there is; true when that changed it. */
static bool cut(const struct reach *at, struct Context *context) {
  struct Context given = *context;
  context->type &= 255;
  if (context->offset > at->batch->arenaBytes) context->offset = context->byteLength = 0;
  uint64_t left = at->batch->arenaBytes - context->offset;
  uint32_t longest = at->batch->maxBytes - overhead(at, context->type);
  if (context->byteLength > left) context->byteLength = (uint32_t)left;
  if (context->byteLength > longest) context->byteLength = longest;
  return memcmp(&given, context, 12) != 0;
}

static struct message message_of(const struct reach *at, const struct Context *context) {
  struct message message = {
      .text = at->arena + context->offset,
      .style = at->styles == NULL ? NULL : &at->styles[context->type],
      .text_bytes = context->byteLength,
      .bytes = context->byteLength + overhead(at, context->type),
      .type = context->type,
  };
  return message;
}

static char byte_of(const struct message *message, uint32_t at) {
  uint32_t prefix = message->style == NULL ? 0 : message->style->prefixLength;
  if (at < prefix) return (char)message->style->prefix[at];
  if (at - prefix < message->text_bytes) return message->text[at - prefix];
  return (char)message->style->suffix[at - prefix - message->text_bytes];
}

/* All slots of a message, the first one `ahead` of the head. */
static void write_message(const struct reach *at, const struct message *message, uint32_t ahead) {
  for (uint32_t part = 0; part < slots_of(message->bytes); part++) {
    uint64_t position = at->head + ahead + part;
    uint32_t from = part * SLOT_PAYLOAD_BYTES;
    char slot[SLOT_BYTES] = {0};
    uint64_t sequence = position + 1;
    uint32_t words[2] = {message->bytes - from, message->type | (part > 0 ? KIND_CONTINUATION : 0)};
    memcpy(slot, &sequence, 8);
    memcpy(slot + 8, words, 8);
    for (uint32_t i = 0; i < SLOT_PAYLOAD_BYTES && from + i < message->bytes; i++)
      slot[SLOT_PAYLOAD_OFFSET + i] = byte_of(message, from + i);
    memcpy(at->ring + at->batch->recordsOffset + (position & at->batch->mask) * SLOT_BYTES, slot, SLOT_BYTES);
  }
}

static void store(void *word, uint32_t value) {
  atomic_store((_Atomic uint32_t *)word, value);
}

static void announce(const struct reach *at, uint32_t units, uint32_t last, uint64_t bytes, uint32_t clamped) {
  const struct Batch *batch = at->batch;
  struct State *state = at->state;
  uint32_t *words = (uint32_t *)at->ring;
  double *doubles = (double *)at->ring;
  uint64_t next = at->head + units;
  bool carried = (uint32_t)next < units;
  if (carried) store(&words[HEADER_HIGH_A], (uint32_t)(next >> 32));
  store(&words[HEADER_HEAD], (uint32_t)next);
  if (carried) store(&words[HEADER_HIGH_B], (uint32_t)(next >> 32));
  store(&words[HEADER_NEWEST_START], (uint32_t)(at->head + last));
  state->published = (batch->fresh ? batch->published : state->published) + batch->count;
  state->bytes = (batch->fresh ? batch->bytes : state->bytes) + bytes;
  state->head = next;
  doubles[HEADER_PUBLISHED] = (double)state->published;
  doubles[HEADER_BYTES] = (double)state->bytes;
  struct Result *result = at->result;
  result->head = (double)next;
  result->published = (double)state->published;
  result->bytes = (double)state->bytes;
  result->newestStart = (uint32_t)(at->head + last);
  result->units = units;
  result->clamped = clamped;
  store(&result->number, batch->number);
}

SIMULATED_KERNEL(ring_write_uniform, sizeof(struct Batch)) {
  const struct Batch *batch = &PARAMETER(launch, 0, struct Batch);
  struct reach at;
  if (!reach(launch, batch, &at)) return;
  const struct Context *contexts =
      device_memory(launch, batch->contexts, batch->count * sizeof *contexts, OPEN_READ);
  if (contexts == NULL) return;
  uint64_t bytes = 0;
  uint32_t clamped = 0;
  for (uint32_t i = 0; i < batch->count; i++) {
    struct Context context = contexts[i];
    clamped += cut(&at, &context);
    struct message message = message_of(&at, &context);
    write_message(&at, &message, i);
    bytes += message.bytes;
  }
  announce(&at, batch->count, batch->count - 1, bytes, clamped);
}

SIMULATED_KERNEL(ring_write_small, sizeof(struct SmallBatch)) {
  const struct SmallBatch *small = &PARAMETER(launch, 0, struct SmallBatch);
  struct reach at;
  if (!reach(launch, &small->batch, &at)) return;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < small->batch.count; i++) {
    struct message message = message_of(&at, &small->contexts[i]);
    write_message(&at, &message, small->contexts[i].slot);
    bytes += message.bytes;
  }
  announce(&at, small->batch.units, small->batch.last, bytes, 0);
}

SIMULATED_KERNEL(ring_plan, sizeof(struct Batch)) {
  const struct Batch *batch = &PARAMETER(launch, 0, struct Batch);
  struct reach at;
  if (!reach(launch, batch, &at)) return;
  uint64_t plan_bytes = batch->count * sizeof(struct Context);
  const struct Context *contexts = device_memory(launch, batch->contexts, plan_bytes, OPEN_READ);
  struct Context *plan = device_memory(launch, batch->plan, plan_bytes, OPEN_WRITE);
  if (contexts == NULL || plan == NULL) return;
  struct State *state = at.state;
  state->planUnits = state->clamped = 0;
  state->batchBytes = 0;
  for (uint32_t i = 0; i < batch->count; i++) {
    plan[i] = contexts[i];
    state->clamped += cut(&at, &plan[i]);
    plan[i].slot = state->planLast = state->planUnits;
    uint32_t bytes = message_of(&at, &plan[i]).bytes;
    state->planUnits += slots_of(bytes);
    state->batchBytes += bytes;
  }
}

SIMULATED_KERNEL(ring_write, sizeof(struct Batch)) {
  const struct Batch *batch = &PARAMETER(launch, 0, struct Batch);
  struct reach at;
  if (!reach(launch, batch, &at)) return;
  const struct Context *plan =
      device_memory(launch, batch->plan, batch->count * sizeof *plan, OPEN_READ);
  if (plan == NULL) return;
  for (uint32_t i = 0; i < batch->count; i++) {
    struct message message = message_of(&at, &plan[i]);
    write_message(&at, &message, plan[i].slot);
  }
  struct State *state = at.state;
  uint64_t bytes = state->batchBytes;
  uint32_t clamped = state->clamped;
  state->batchBytes = 0;
  state->clamped = 0;
  announce(&at, state->planUnits, state->planLast, bytes, clamped);
}
