/*
 * config_fields.h: the plain options of a layer, one table for reading and writing them.
 */
#ifndef CLRNN_IO_CONFIG_FIELDS_H
#define CLRNN_IO_CONFIG_FIELDS_H

#include "io/config.h"

#include <stddef.h>

enum { CONFIG_VERSION = 1 };

enum field_kind { CHOICE, COUNT, SIZE, FLAG, REAL }; /* a SIZE is a COUNT that is not 0 */

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;          /* of an int, an enumeration or a float in clrnn_layer_desc */
    const char *choices[6]; /* in the order of the enumeration */
};

enum { FIELD_COUNT = 15, REQUIRED_FIELDS = 2 }; /* the required ones come first */
extern const struct field config_fields[FIELD_COUNT];

/* Keys of lists of activations, by direction. */
extern const char *const config_directions[2];

#endif
