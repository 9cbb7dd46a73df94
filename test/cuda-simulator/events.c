/* Events. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "simulator.h"

struct event {
  struct context *context;
  bool timed;
  struct record *record; /* NULL before the first */
};

static CUresult event_find(CUevent handle, struct event **event) {
  *event = handle_find(KIND_EVENT, (uint64_t)(uintptr_t)handle);
  return *event == NULL ? CUDA_ERROR_INVALID_HANDLE : context_failure((*event)->context);
}

CUresult cuEventCreate(CUevent *handle, unsigned int flags) {
  ENTER();
  GUARD();
  enum { DISABLE_TIMING = 2, KNOWN_FLAGS = 3 };
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if ((flags & ~(unsigned int)KNOWN_FLAGS) != 0) return CUDA_ERROR_INVALID_VALUE;
  struct event *event = calloc(1, sizeof *event);
  event->context = context;
  event->timed = (flags & DISABLE_TIMING) == 0;
  *handle = (CUevent)(uintptr_t)handle_create(KIND_EVENT, event);
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent handle) {
  ENTER();
  GUARD();
  struct event *event;
  CUresult failure = event_find(handle, &event);
  if (failure != CUDA_SUCCESS) return failure;
  handle_end((uint64_t)(uintptr_t)handle);
  record_unref(event->record);
  free(event);
  return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
  ENTER();
  GUARD();
  struct event *event;
  struct stream *stream;
  CUresult failure = event_find(handle, &event);
  if (failure == CUDA_SUCCESS) failure = stream_find(stream_handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  if (stream->context != event->context) return CUDA_ERROR_INVALID_HANDLE;
  struct record *record = calloc(1, sizeof *record);
  record->references = 2;
  record_unref(event->record);
  event->record = record;
  struct job *job = job_create(JOB_RECORD);
  job->record = record;
  stream_enqueue(stream, job);
  return CUDA_SUCCESS;
}

/* Waits for what was recorded last before this call; for nothing where nothing was. */
CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned int flags) {
  ENTER();
  GUARD();
  struct event *event;
  struct stream *stream;
  CUresult failure = event_find(handle, &event);
  if (failure == CUDA_SUCCESS) failure = stream_find(stream_handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
  if (event->record == NULL) return CUDA_SUCCESS;
  struct job *job = job_create(JOB_AWAIT_RECORD);
  job->record = event->record;
  job->record->references++;
  stream_enqueue(stream, job);
  return CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent handle) {
  ENTER();
  GUARD();
  struct event *event;
  CUresult failure = event_find(handle, &event);
  if (failure != CUDA_SUCCESS) return failure;
  return event->record == NULL || event->record->reached ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CUresult cuEventSynchronize(CUevent handle) {
  ENTER();
  GUARD();
  struct event *event;
  CUresult failure = event_find(handle, &event);
  if (failure != CUDA_SUCCESS || event->record == NULL) return failure;
  struct context *context = event->context;
  struct record *record = event->record;
  record->references++;
  while (!record->reached && context_failure(context) == CUDA_SUCCESS)
    pthread_cond_wait(&simulator_progress, &simulator_lock);
  record_unref(record);
  return context_failure(context);
}

static CUresult elapsed_time(float *milliseconds, CUevent start, CUevent end) {
  GUARD();
  struct event *first, *second;
  CUresult failure = event_find(start, &first);
  if (failure == CUDA_SUCCESS) failure = event_find(end, &second);
  if (failure != CUDA_SUCCESS) return failure;
  if (!first->timed || !second->timed || first->record == NULL || second->record == NULL)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!first->record->reached || !second->record->reached) return CUDA_ERROR_NOT_READY;
  *milliseconds = (float)(second->record->reached_ms - first->record->reached_ms);
  return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  ENTER();
  return elapsed_time(milliseconds, start, end);
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
  ENTER();
  return elapsed_time(milliseconds, start, end);
}
