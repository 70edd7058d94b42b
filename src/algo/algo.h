/*
 * algo.h: which algorithm runs a problem on a device, and how. Pure functions: no OpenCL call, no
 * memory, no clock; so that a plan can be described, sized and tested without its device.
 *
 * An algorithm is a pair schedule/tile. The schedule says in which order the steps run and which
 * launches that takes; the tile says who multiplies and how the weights lie. Neither asks for a
 * cell: they loop over its phases.
 */
#ifndef CLRNN_ALGO_ALGO_H
#define CLRNN_ALGO_ALGO_H

#include "core/cell.h"
#include "core/pack.h"
#include "core/status.h"

enum device_kind { DEVICE_HOST, DEVICE_CPU, DEVICE_GPU, DEVICE_ACCELERATOR };

/* Floats of weights that each of 256 items may keep in registers: of cells with one gate, with several, and
 * with two phases. 0: nothing is known of it. */
enum { HELD_GATE, HELD_GATES, HELD_PHASES, HELD_KINDS };
struct held_words {
    int group[HELD_KINDS];          /* if a group has all units of its rows */
    int pairs[HELD_KINDS];          /* likewise, if two weights of 16 bits share a word */
    int part[HELD_KINDS];           /* if it has some, of either: it holds words of others, too */
    int rows, pair_rows, part_rows; /* of any cell, if the group has several rows of the batch */
    int beside, part_beside, rows_beside; /* if not all stay: with those that are on their way */
};

/* What the choice may depend on. DEVICE_HOST is the CPU engine: kernels compiled as C. */
struct device_desc {
    enum device_kind kind;
    int compute_units;
    int vector_width; /* lanes of a float vector to use in panels */
    size_t max_group; /* work-items of a work-group */
    size_t local_memory;
    size_t max_alloc;
    struct held_words held;
    int64_t loop_limit; /* rounds of all loops of a kernel together, or 0: no such limit */
    int has_clblast;
    int has_fetch;    /* the compiler has clang's __builtin_prefetch, as all CPU drivers' have */
    int has_division; /* a / b is quick and rounded once */
    int has_flags;    /* groups of a launch can meet: acquire and release, at device scope */
    int overlaps;     /* what goes to a second queue of ours may run beside the first one's */
    int runs_together; /* as many groups as compute units run at a time, and meet quickly: was measured */
    int strict;
};

/* What one strand asks for. */
struct problem {
    struct cell cell;
    int inputs, hidden;
    int width;        /* of h */
    int steps, batch; /* of a call at most */
    int reverse;
    int merges;         /* its output joins that of the first direction */
    int has_projection; /* 0: x_proj is given (backward recurrences) */
    int transposed;     /* 1: W_hh is packed transposed */
    clrnn_projection projection;
    int chunk;             /* steps of a piece at most; 0: all */
    int together;          /* x of any steps lies in one run of rows: a library takes pieces too */
    int limited;           /* every byte is counted beforehand */
    clrnn_weights weights; /* what they are rounded to */
};

/* A flag has two cache lines of 64 bytes of its own: FLAG_STRIDE of kernels/sched_persist.cl. */
enum { ALGO_FILES = 36, ALGO_LAUNCHES = 4, ALGO_FLAG_BYTES = 128 };

/* A program's text: common.cl ... with PHASE defined before some of them. */
struct algo_program {
    int count;
    const char *files[ALGO_FILES];
    const char
        *texts[ALGO_FILES]; /* a user's own text, which `files` only names; NULL: in kernels/ */
    int phases[ALGO_FILES]; /* value of PHASE before the file, or -1 */
    char defines[1024];     /* "-DROWS=4 ..." */
    int flags;              /* needs what device_desc.has_flags says: OpenCL C 2.0 or later */
};

enum algo_groups {
    ALGO_GROUPS_TILES, /* blocks of units x tiles of batch rows */
    ALGO_GROUPS_STEPS, /* blocks of columns x tiles of a piece's steps x batch rows */
    ALGO_GROUPS_ROWS,  /* one group a row */
    ALGO_GROUPS_BATCH, /* one group for rows_group rows */
    ALGO_GROUPS_PARTS  /* the same x parts of the units */
};
enum algo_repeat { ALGO_ONCE, ALGO_EACH_STEP, ALGO_EACH_CHUNK };

struct algo_launch {
    const char *kernel;
    enum algo_groups groups;
    enum algo_repeat repeat;
    int phase;
    int blocks; /* of units or columns */
    int meets;  /* its groups meet by flags */
    int finish; /* does what the launch before left undone */
    int clears; /* makes ready what the launch behind it needs, in no time that counts */
};

/* How a product is computed: the same for the recurrence and for the projection. */
struct algo_tile {
    int rows;                   /* rows of the batch in a tile */
    int items;                  /* work-items of a group */
    int vector_width;           /* lanes of a `real` */
    int split;                  /* slices side by side */
    int block[CELL_MAX_PHASES]; /* units of a block, by phase */
    int strip[CELL_MAX_PHASES]; /* of its packed weights: numbers side by side, or 0: all of a k */
    int variant;                /* of the C build's tiles */
    int held[CELL_MAX_PHASES];  /* rows of W in an item's registers, by phase, or 0 */
    int far[CELL_MAX_PHASES];   /* vectors of k whose weights it then reads again in every step */
    int words, stays; /* of W that it has, of all phases together, and of them in registers */
    int turns;        /* tiles that take turns with a slice of the weights, or 0 for 1 */
    int ahead;        /* and ask for the next slice: weights come from memory */
    int blocks;       /* that a group of the projection takes, or 0 for 1 */
    int is_whole;     /* a group takes `rows` rows of the batch and no more */
};

struct algo_config {
    const char *algorithm; /* "single/panel" */
    int batch;             /* rows of a call at most */
    int steps;             /* and steps of a piece */
    char reason[192];
    struct cell cell;
    struct algo_tile tile, projection_tile;
    struct algo_program program, projection_program;
    struct algo_launch launches[ALGO_LAUNCHES]; /* of a phase for a step, in order */
    int launch_count;
    struct algo_launch projection_launch;
    clrnn_projection projection;                 /* OWN or CLBLAST */
    struct pack_layout layouts[CELL_MAX_PHASES]; /* of the recurrence's weights */
    size_t weight_offset[CELL_MAX_PHASES];       /* floats */
    size_t weight_floats, projection_floats;
    clrnn_weights weights; /* what the recurrence's are rounded to */
    clrnn_weights
        stored;      /* and how they lie: rounded floats too, where the tile reads floats alone */
    int ranges;      /* of rows, each for a group of a `single` or `persist` launch, at most */
    int64_t cycles;  /* of a step in one group, roughly; 0: unknown */
    int chunk_steps; /* steps of a launch at most */
    int flags;       /* by which groups of a launch meet, ALGO_FLAG_BYTES each; 0: they do not */
    struct params params; /* sizes that do not depend on a call */
    size_t x_proj_step;   /* bytes of a step of x_proj */
    size_t work_bytes;
};

/* The chosen or named algorithm; UNSUPPORTED with the reason if it is refused. */
clrnn_status algo_configure(struct algo_config *out, const struct device_desc *device,
                            const struct problem *problem, const char *name);

/* Every pair, in order of preference; and whether it refuses a problem by what it is. */
size_t algo_count(void);
const char *algo_name(size_t index);
/* 1: nobody knows that it can run here well: it is for those who name it. */
int algo_is_by_name(size_t index, const struct device_desc *device);
int algo_refuses(size_t index, const struct device_desc *device, const struct problem *problem,
                 char *reason, size_t size);

/* Groups of a launch for a call with these steps and rows. */
void algo_launch_groups(size_t groups[2], const struct algo_config *config,
                        const struct algo_launch *launch, const struct algo_tile *tile, int steps,
                        int batch);

/* Rows that a group of a `single` launch takes. */
int algo_rows_group(const struct algo_config *config, int batch);

/* Units or k of a phase in numbers. */
int algo_size(const struct problem *problem, enum cell_size size);

/* S of the numbers' contract: slices of the sum over k, from k and cell alone. */
int algo_slices(const struct cell *cell, int k);

/* Appends "-Dname=value " to a program's defines. */
void algo_define(struct algo_program *program, const char *name, int index, int value);
void algo_add_file(struct algo_program *program, const char *file, int phase);
/* A user's text, under a name for the compiler's messages. */
void algo_add_text(struct algo_program *program, const char *name, const char *text);

/* A product of a cell's phases as one group sees it. */
struct algo_product {
    int units[CELL_MAX_PHASES], k[CELL_MAX_PHASES];
    int slices;            /* that a tile may take side by side */
    int64_t batch;         /* rows, all groups together */
    int64_t rows;          /* of this group */
    int parts;             /* the group takes one of so many of the units */
    clrnn_weights weights; /* of 16 bits, two may share a word */
};

/* How a schedule splits a step: rows over ranges, units over parts. */
struct algo_split {
    int ranges, parts;
};

/* What a tile says of a product that does not fit. */
#define ALGO_NEVER (INT64_C(1) << 60)
/* Rows of the batch that a group of tile_part takes at most. */
enum { ALGO_PART_ROWS = 4 };

/* A tile: refuses a device or a problem, and lays out a product; gives the cycles that it takes,
 * roughly, or 0, or ALGO_NEVER. */
struct tile {
    const char *file;            /* in kernels/ */
    const struct tile *projects; /* the tile of the projection beside it; NULL: it itself */
    int reads_16_bits;           /* weights of an OpenCL build may lie in 16 bits */
    int (*refuse)(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size);
    int64_t (*shape)(struct algo_tile *out, struct algo_program *program,
                     const struct device_desc *device, const struct cell *cell,
                     const struct algo_product *product);
};
extern const struct tile tile_panel, tile_register, tile_part, tile_part_far, tile_stream;

/* device_desc.held of a device whose CL_DEVICE_VENDOR_ID this is, or, of Arm's, should be. */
enum { VENDOR_AMD = 0x1002, VENDOR_NVIDIA = 0x10de, VENDOR_ARM = 0x13b5 };
struct held_words tile_register_words(enum device_kind kind, unsigned vendor);
/* Which of its limits a cell has: HELD_GATE ... */
int tile_register_kind(const struct cell *cell);
/* Words of an item that holds so many rows of W times a slice: of 16 bits two weights that are neighbours in k
 * share one, where the slice is even (PAIRED of kernels/tile_register.cl). */
int tile_register_held(int held, int slice, clrnn_weights weights);

/* A schedule: says how steps may be split (the index-th way, 0: no more), refuses a config whose tile
 * is laid out, or lists its launches. */
struct schedule {
    const char *file;
    int (*split)(struct algo_split *out, int index, const struct device_desc *device,
                 const struct problem *problem);
    int64_t meet_cycles; /* of a phase, where parts meet */
    int (*refuse)(const struct algo_config *config, const struct device_desc *device,
                  const struct problem *problem, char *reason, size_t size);
    void (*launches)(struct algo_config *config, const struct device_desc *device,
                     const struct problem *problem);
};

/* Groups that wait for each other, `by_flags` or by the numbers themselves: not on a driver that stops loops
 * or has no flags, nor on one compute unit. */
int algo_refuses_meeting(const struct device_desc *device, int by_flags, char *reason, size_t size);

/* Rounds of loops that one tile takes at most, k being `columns`: see device_desc.loop_limit. */
int64_t algo_tile_rounds(const struct algo_tile *tile, int columns, int slices);
extern const struct schedule sched_single, sched_step, sched_persist, sched_words;

#endif
