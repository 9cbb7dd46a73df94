/* Streams (a thread each) and fences. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "simulator.h"

/* Between two looks at a word. Longer after a while, so that many waiting streams leave two cores free. */
enum { POLL_US = 20, PATIENT_POLL_US = 100, PATIENT_AFTER = 100 };

void sleep_us(uint64_t us) {
  struct timespec rest = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) continue;
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* --- jobs --- */

struct job *job_create(enum job_kind kind) {
  struct job *job = calloc(1, sizeof *job);
  job->kind = kind;
  return job;
}

void record_unref(struct record *record) {
  if (record != NULL && --record->references == 0) free(record);
}

static void job_free(struct job *job) {
  record_unref(job->record);
  free(job->positions);
  free(job->staged);
  free(job->launch);
  free(job);
}

/* A fence: everything before it in the stream is done and visible to whoever sees the value. */
static CUresult job_write(struct context *context, struct job *job) {
  struct access access;
  if (!memory_open(context, job->to, (uint64_t)job->width, OPEN_WRITE, &access))
    return memory_fault(job->to, (uint64_t)job->width);
  atomic_thread_fence(memory_order_seq_cst);
  if (job->width == 8)
    atomic_store((_Atomic uint64_t *)(void *)access.bytes, job->value);
  else
    atomic_store((_Atomic uint32_t *)(void *)access.bytes, (uint32_t)job->value);
  return memory_close(&access) ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

static bool satisfied(struct job *job, const char *bytes) {
  enum { GEQ = 0, EQ = 1, AND = 2, NOR = 3 };
  if (job->width == 8) {
    uint64_t found = atomic_load((_Atomic uint64_t *)(void *)bytes);
    switch (job->flags & 3) {
      case GEQ:
        return (int64_t)(found - job->value) >= 0;
      case EQ:
        return found == job->value;
      case AND:
        return (found & job->value) != 0;
      default:
        return ~(found | job->value) != 0;
    }
  }
  uint32_t found = atomic_load((_Atomic uint32_t *)(void *)bytes), value = (uint32_t)job->value;
  switch (job->flags & 3) {
    case GEQ:
      return (int32_t)(found - value) >= 0;
    case EQ:
      return found == value;
    case AND:
      return (found & value) != 0;
    default:
      return ~(found | value) != 0;
  }
}

static CUresult job_wait(struct context *context, struct job *job) {
  struct access access;
  if (!memory_open(context, job->to, (uint64_t)job->width, OPEN_READ, &access))
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  for (unsigned int polls = 0; !satisfied(job, access.bytes); polls++) {
    if (context_failure(context) != CUDA_SUCCESS || atomic_load(&access.range->gone)) break;
    sleep_us(polls < PATIENT_AFTER ? POLL_US : PATIENT_POLL_US);
  }
  return memory_close(&access) ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

/* Under the lock. */
static void job_await(struct context *context, struct job *job) {
  if (job->kind == JOB_AWAIT_RECORD)
    while (!job->record->reached && context_failure(context) == CUDA_SUCCESS)
      pthread_cond_wait(&simulator_progress, &simulator_lock);
  for (int i = 0; i < job->position_count; i++)
    stream_await(job->positions[i].stream, job->positions[i].sequence);
}

/* Called and left under the lock, which is let go for what takes time. */
static CUresult job_run(struct context *context, struct job *job) {
  CUresult result = CUDA_SUCCESS;
  switch (job->kind) {
    case JOB_RECORD:
      job->record->reached = true;
      job->record->reached_ms = now_ms();
      return CUDA_SUCCESS;
    case JOB_AWAIT_RECORD:
    case JOB_AWAIT_STREAMS:
      job_await(context, job);
      return CUDA_SUCCESS;
    default:
      break;
  }
  pthread_mutex_unlock(&simulator_lock);
  switch (job->kind) {
    case JOB_WRITE:
      result = job_write(context, job);
      break;
    case JOB_WAIT:
      result = job_wait(context, job);
      break;
    case JOB_COPY:
      result = job_copy(context, job);
      break;
    case JOB_FILL:
      result = job_fill(context, job);
      break;
    default:
      result = job_launch(context, job->launch);
      break;
  }
  pthread_mutex_lock(&simulator_lock);
  return result;
}

/* --- streams --- */

struct stream *stream_create(struct context *context, bool blocking) {
  struct stream *stream = calloc(1, sizeof *stream);
  stream->context = context;
  stream->blocking = blocking;
  stream->last = &stream->first;
  pthread_cond_init(&stream->work, NULL);
  return stream;
}

static void stream_unlink(struct stream *stream) {
  for (struct stream **link = &stream->context->streams; *link != NULL; link = &(*link)->next) {
    if (*link != stream) continue;
    *link = stream->next;
    return;
  }
}

static void *stream_thread(void *argument) {
  struct stream *stream = argument;
  struct context *context = stream->context;
  /* The kernel may otherwise round a sleep of 20 us up by 50. */
  prctl(PR_SET_TIMERSLACK, 1);
  pthread_mutex_lock(&simulator_lock);
  for (;;) {
    while (stream->first == NULL && !stream->ended && context_failure(context) == CUDA_SUCCESS)
      pthread_cond_wait(&stream->work, &simulator_lock);
    if (context_failure(context) != CUDA_SUCCESS || stream->first == NULL) break;
    struct job *job = stream->first;
    CUresult failure = job_run(context, job);
    if (failure != CUDA_SUCCESS) context_fail(context, failure);
    /* What a failed context has not done it never does: the position stays. */
    if (context_failure(context) != CUDA_SUCCESS) break;
    stream->first = job->next;
    if (stream->first == NULL) stream->last = &stream->first;
    stream->completed = job->sequence;
    job_free(job);
    pthread_cond_broadcast(&simulator_progress);
  }
  stream_unlink(stream);
  pthread_mutex_unlock(&simulator_lock);
  return NULL;
}

static void stream_append(struct stream *stream, struct job *job) {
  job->sequence = ++stream->enqueued;
  *stream->last = job;
  stream->last = &job->next;
  if (!stream->started) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, stream_thread, stream) != 0) abort();
    pthread_detach(thread);
    stream->started = true;
  }
  pthread_cond_signal(&stream->work);
}

/* The legacy default stream and the blocking ones wait for what the other has been given so far. */
static void order_with_default(struct stream *stream) {
  struct context *context = stream->context;
  if (!stream->blocking) return;
  struct stream *others = stream == context->standard ? context->streams : context->standard;
  int count = 0;
  for (struct stream *other = others; other != NULL; other = other->next)
    if (other->blocking && other->completed < other->enqueued) count++;
  if (count == 0) return;
  struct job *job = job_create(JOB_AWAIT_STREAMS);
  job->positions = calloc((size_t)count, sizeof *job->positions);
  for (struct stream *other = others; other != NULL; other = other->next)
    if (other->blocking && other->completed < other->enqueued)
      job->positions[job->position_count++] = (struct stream_position){other, other->enqueued};
  stream_append(stream, job);
}

uint64_t stream_enqueue(struct stream *stream, struct job *job) {
  while (stream->enqueued - stream->completed >= JOBS_MAX &&
         context_failure(stream->context) == CUDA_SUCCESS)
    pthread_cond_wait(&simulator_progress, &simulator_lock);
  order_with_default(stream);
  stream_append(stream, job);
  return job->sequence;
}

CUresult stream_await(struct stream *stream, uint64_t sequence) {
  while (stream->completed < sequence && context_failure(stream->context) == CUDA_SUCCESS)
    pthread_cond_wait(&simulator_progress, &simulator_lock);
  return context_failure(stream->context);
}

CUresult stream_find(CUstream handle, struct stream **stream) {
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if ((uintptr_t)handle <= 2) {
    if (failure == CUDA_SUCCESS) *stream = context->standard;
    return failure;
  }
  if (context == NULL) return failure;
  *stream = handle_find(KIND_STREAM, (uint64_t)(uintptr_t)handle);
  if (*stream == NULL) return CUDA_ERROR_INVALID_HANDLE;
  return context_failure((*stream)->context);
}

CUresult cuStreamCreate(CUstream *handle, unsigned int flags) {
  ENTER();
  GUARD();
  enum { NON_BLOCKING = 1 };
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if (flags > NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  struct stream *stream = stream_create(context, flags != NON_BLOCKING);
  stream->next = context->streams;
  context->streams = stream;
  stream->handle = (CUstream)(uintptr_t)handle_create(KIND_STREAM, stream);
  *handle = stream->handle;
  return CUDA_SUCCESS;
}

/* What was enqueued is still done. The struct stays: others may wait for its positions. */
CUresult cuStreamDestroy_v2(CUstream handle) {
  ENTER();
  GUARD();
  if ((uintptr_t)handle <= 2) return CUDA_ERROR_INVALID_HANDLE;
  struct stream *stream;
  CUresult failure = stream_find(handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  handle_end((uint64_t)(uintptr_t)handle);
  stream->ended = true;
  if (stream->started)
    pthread_cond_signal(&stream->work);
  else
    stream_unlink(stream);
  return CUDA_SUCCESS;
}

CUresult cuStreamQuery(CUstream handle) {
  ENTER();
  GUARD();
  struct stream *stream;
  CUresult failure = stream_find(handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  return stream->completed < stream->enqueued ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream handle) {
  ENTER();
  GUARD();
  struct stream *stream;
  CUresult failure = stream_find(handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  return stream_await(stream, stream->enqueued);
}

CUresult cuStreamGetCtx(CUstream handle, CUcontext *context) {
  ENTER();
  GUARD();
  struct stream *stream;
  CUresult failure = stream_find(handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  *context = stream->context->handle;
  return CUDA_SUCCESS;
}

/* --- fences --- */

static CUresult enqueue_value(CUstream handle, enum job_kind kind, uint64_t address, int width,
                              uint64_t value, unsigned int flags) {
  GUARD();
  struct stream *stream;
  CUresult failure = stream_find(handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  /* That a word is read-only the driver notices only when it writes it. */
  if (address % (uint64_t)width != 0 ||
      memory_find(stream->context, address, (uint64_t)width, OPEN_READ) == NULL)
    return CUDA_ERROR_INVALID_VALUE;
  struct job *job = job_create(kind);
  job->to = address;
  job->width = width;
  job->value = value;
  job->flags = flags;
  stream_enqueue(stream, job);
  return CUDA_SUCCESS;
}

CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value,
                                 unsigned int flags) {
  ENTER();
  return flags > 1 ? CUDA_ERROR_INVALID_VALUE
                   : enqueue_value(stream, JOB_WRITE, address, 4, value, flags);
}

CUresult cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value,
                                 unsigned int flags) {
  ENTER();
  return flags > 1 ? CUDA_ERROR_INVALID_VALUE
                   : enqueue_value(stream, JOB_WRITE, address, 8, value, flags);
}

/* The low bits say which comparison; CU_STREAM_WAIT_VALUE_FLUSH may be added and changes nothing here. */
static bool wait_flags_valid(unsigned int flags) { return (flags & ~(1u << 30)) <= 3; }

CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value,
                                unsigned int flags) {
  ENTER();
  return wait_flags_valid(flags) ? enqueue_value(stream, JOB_WAIT, address, 4, value, flags)
                                 : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value,
                                unsigned int flags) {
  ENTER();
  return wait_flags_valid(flags) ? enqueue_value(stream, JOB_WAIT, address, 8, value, flags)
                                 : CUDA_ERROR_INVALID_VALUE;
}
