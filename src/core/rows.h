/*
 * rows.h: the order in which rows of different lengths are computed: longest first, so that tiles of
 * rows that are over are passed over, and dealt out to the ranges of rows that groups take, so that
 * each has long ones and short ones. Where a row's arrays are stays the caller's order (row.at), and
 * no result depends on a row's place.
 */
#ifndef CLRNN_CORE_ROWS_H
#define CLRNN_CORE_ROWS_H

#include "core/shared.h"

/* Orders rows [count] of ranges of `share` each, the last one perhaps fewer; rows of one length stay
 * as they are. spare: [count], what it held is lost. */
void rows_order(struct row *rows, struct row *spare, int count, int share);

#endif
