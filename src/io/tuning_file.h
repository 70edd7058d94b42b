/*
 * tuning_file.h: a tuning file: JSON, an object with `schema`, `devices` and, of each, what was learnt
 * and from what.
 *
 *     {"schema": "clrnn-tuning-1", "devices": [
 *       {"engine": "opencl", "device": "...", "vendor": "...", "driver": "3.1", "compute_units": 2,
 *        "clrnn": "0.2.0", "date": "2026-11-25", "busy": false, "varying": 0.02, "lanes": 16,
 *        "speeds": {"call_us": 25, ...},
 *        "measured": [{"cell": "rnn", "steps": 50, "batch": 1, "inputs": 64, "hidden": 64,
 *                      "algorithm": "single/panel", "measured_us": .., "spread": ..,
 *                      "estimated_us": .., "usual_us": ..}, ...],
 *        "usual": {"call_us": 25, ...},
 *        "choices": [{"cell": .., "before": "cpu single/panel", "before_us": .., "after": ..,
 *                     "after_us": .., "best": .., "best_us": ..}, ...]}]}
 *
 * A person may add "clblast": {"Xgemm": {"MWG": 64, ...}, "XgemmDirect": {...}, ...} to a device: all
 * parameters of each kernel that is named. An update leaves them as they are.
 *
 * To read it, `varying`, `replaced_driver`, `measured`, `usual` and `choices` do not matter.
 */
#ifndef CLRNN_IO_TUNING_FILE_H
#define CLRNN_IO_TUNING_FILE_H

#include "core/tune.h"

/* What the file has for a device: 1 in *found and the tuning; else 0 in *found and why not, or empty
 * where the file does not know the device at all. Errors: IO, FORMAT. */
clrnn_status tuning_file_find(struct tuning *out, int *found, char *why, size_t size,
                              const char *path, const struct tuning_device *device);

/* Fails as tuning_file_update will, as far as that is known before. */
clrnn_status tuning_file_check(const char *path);

/* Puts the results, TUNING_FILE_MOST at most, into the file, which need not be there, in the place of the
 * same devices' older ones, of whichever driver; what it says of others stays. choices: of results[0].
 * Errors: IO, FORMAT (what is there is no tuning file). */
enum { TUNING_FILE_MOST = 4 };
clrnn_status tuning_file_update(const char *path, const struct tune_result *results, int count,
                                const struct tune_choice choices[TUNE_SHAPES]);

#endif
