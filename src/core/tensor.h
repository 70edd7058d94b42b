/* tensor.h: checks and element access of the public clrnn_tensor. */
#ifndef CLRNN_CORE_TENSOR_H
#define CLRNN_CORE_TENSOR_H

#include "core/status.h"

int tensor_is_set(const clrnn_tensor *tensor); /* data or buffer */
int tensor_is_dense(const clrnn_tensor *tensor);
/* Elements from one index to the next along `axis`. */
int64_t tensor_stride(const clrnn_tensor *tensor, int axis);
/* Elements from the first to one past the last that the view touches. */
int64_t tensor_span(const clrnn_tensor *tensor);
/* data + offset */
void *tensor_host(const clrnn_tensor *tensor);
/* "float32 [2][3]" into text; returns text. */
const char *tensor_text(const clrnn_tensor *tensor, char *text, size_t size);
/* Ranks, non-negative shape, strides that go with it, exactly one of data and buffer. */
clrnn_status tensor_check(const clrnn_tensor *tensor, const char *name);

#endif
