/*
 * personalities.c: the table, and what an OpenCL device answers that has one of them.
 *
 * Where numbers come from: [d] the vendor's data sheet, [p] a public clinfo output (repository#issue on
 * GitHub), [m] Mesa's table of devices; [a] assumed: not seen, but told by its neighbours.
 */
#include "personalities.h"

#include "faults.h"

#include <check.h>
#include <string.h>

#define KIB(count) ((cl_ulong)(count) << 10)
#define MIB(count) ((cl_ulong)(count) << 20)

/* clang-format off */
#define HELD_NVIDIA {{196, 196, 196}, {190, 190, 168}, {144, 160, 128}, 128, 128, 64, 128, 104, 80}
#define HELD_AMD {{168, 168, 160}, {128, 112, 96}, {128, 128, 128}, 128, 64, 64, 112, 96, 80}
#define HELD_ARM {{16, 16, 16}, {16, 16, 16}, {16, 16, 16}, 16, 16, 16, 0, 0, 0}
#define HELD_FEW {{64, 48, 48}, {32, 32, 32}, {32, 32, 16}, 32, 32, 16, 32, 0, 0}
/* clang-format on */

const struct personality personalities[PERSONALITIES] = {
    /* T4. 40 SMs [d]; group, ids and version [p] 10gic/vanitygen-plusplus#100; 48 KiB for a group and no
     * cl_khr_fp16 on all of NVIDIA's [p] ProjectPhysX/FluidX3D#8, leela-zero/leela-zero#1905; an
     * allocation may be a quarter of the memory [p] leela-zero/leela-zero#1554; 16 GB [d], of which the
     * driver shows 14.8 GiB [a]. OpenCL C 3.0 of relaxed atomics alone [a]. */
    {.name = "sm_75",
     .vendor = "NVIDIA Corporation",
     .version = "OpenCL 3.0 CUDA",
     .vendor_id = 0x10de,
     .compute_units = 40,
     .max_group = 1024,
     .local_memory = KIB(48),
     .global_memory = MIB(15109),
     .max_alloc = MIB(15109) / 4,
     .has_fp64 = 1,
     .wave = 32,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_NVIDIA},
    /* A100 SXM4 40 GB. 108 SMs, 40536 MiB, a quarter of it, 48 KiB [p] ProjectPhysX/FluidX3D#8; the rest
     * as sm_75. */
    {.name = "sm_80",
     .vendor = "NVIDIA Corporation",
     .version = "OpenCL 3.0 CUDA",
     .vendor_id = 0x10de,
     .compute_units = 108,
     .max_group = 1024,
     .local_memory = KIB(48),
     .global_memory = MIB(40536),
     .max_alloc = MIB(10134),
     .has_fp64 = 1,
     .wave = 32,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_NVIDIA},
    /* H100 SXM. 132 SMs, 80 GB [d], of which the driver shows 79.2 GiB [a]; the rest as sm_75. */
    {.name = "sm_90",
     .vendor = "NVIDIA Corporation",
     .version = "OpenCL 3.0 CUDA",
     .vendor_id = 0x10de,
     .compute_units = 132,
     .max_group = 1024,
     .local_memory = KIB(48),
     .global_memory = MIB(81090),
     .max_alloc = MIB(81090) / 4,
     .has_fp64 = 1,
     .wave = 32,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_NVIDIA},
    /* Radeon VII, MI50 (ROCm). 60 CUs, 16 GB, waves of 64 [d]; groups of 256, vendor, vectors of 1 [p] an
     * MI100, CLRX/CLRX-mirror#34; OpenCL 2.0, fp16, fp64 [p] openmm/openmm#3940; 64 KiB for a group [p]
     * ROCm/legacy-rocm-build#1544; 85 % of the memory in one allocation [a]. */
    {.name = "gfx906",
     .vendor = "Advanced Micro Devices, Inc.",
     .version = "OpenCL 2.0 ",
     .vendor_id = 0x1002,
     .compute_units = 60,
     .max_group = 256,
     .local_memory = KIB(64),
     .global_memory = MIB(16368),
     .max_alloc = MIB(16368) / 100 * 85,
     .has_fp16 = 1,
     .has_fp64 = 1,
     .has_flags = 1,
     .wave = 64,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_AMD},
    /* A die of an MI250 (ROCm). 104 CUs, 64 GB, waves of 64 [d]; multiples of 64, OpenCL 2.0, fp16, fp64,
     * no unified memory [p] openmm/openmm#3940; the rest as gfx906. */
    {.name = "gfx90a",
     .vendor = "Advanced Micro Devices, Inc.",
     .version = "OpenCL 2.0 ",
     .vendor_id = 0x1002,
     .compute_units = 104,
     .max_group = 256,
     .local_memory = KIB(64),
     .global_memory = MIB(65520),
     .max_alloc = MIB(65520) / 100 * 85,
     .has_fp16 = 1,
     .has_fp64 = 1,
     .has_flags = 1,
     .wave = 64,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_AMD},
    /* Radeon RX 6900 XT (ROCm). 80 CUs [d], which OpenCL counts as 40: pairs of them (WGPs), as of a
     * gfx1010 of 40 CUs [p] ROCm/legacy-rocm-build#1215; waves of 32 [p] the same; 16760832 KiB, 64 KiB
     * for a group [p] ROCm/legacy-rocm-build#1544; the rest as gfx906 [a]. */
    {.name = "gfx1030",
     .vendor = "Advanced Micro Devices, Inc.",
     .version = "OpenCL 2.0 ",
     .vendor_id = 0x1002,
     .compute_units = 40,
     .max_group = 256,
     .local_memory = KIB(64),
     .global_memory = KIB(16760832),
     .max_alloc = KIB(16760832) / 100 * 85,
     .has_fp16 = 1,
     .has_fp64 = 1,
     .has_flags = 1,
     .wave = 32,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_AMD},
    /* Arc A770 16 GB (NEO). 512 vector engines, which OpenCL counts, 64 KiB for a group [d]; sub-groups
     * of 8, 16, 32, vectors of 1, fp16 and no fp64 [p] an A750, openvinotoolkit/openvino#20012; 3.0 [p]
     * intel/compute-runtime#618; its features, groups of 1024, 15.1 GiB and 4 GiB at once [a]. */
    {.name = "dg2",
     .vendor = "Intel(R) Corporation",
     .version = "OpenCL 3.0 NEO ",
     .vendor_id = 0x8086,
     .compute_units = 512,
     .max_group = 1024,
     .local_memory = KIB(64),
     .global_memory = MIB(15473),
     .max_alloc = MIB(4095),
     .has_fp16 = 1,
     .has_flags = 1,
     .wave = 16,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_FEW},
    /* Iris Xe (Tiger Lake) with 16 GB. 96 EUs, 64 KiB for a group [d]; groups of 512, 80 % of the host's
     * memory, 4 GiB at once [a]; the rest as dg2. */
    {.name = "xe-lp",
     .vendor = "Intel(R) Corporation",
     .version = "OpenCL 3.0 NEO ",
     .vendor_id = 0x8086,
     .compute_units = 96,
     .max_group = 512,
     .local_memory = KIB(64),
     .global_memory = MIB(12780),
     .max_alloc = MIB(4095),
     .is_unified = 1,
     .has_fp16 = 1,
     .has_flags = 1,
     .wave = 16,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_FEW},
    /* Mali-G78 MP20. Warps of 16, at most 1024 threads, half as many with 64 registers each, which is
     * all there are [d]: so groups of 512 [a]. The vendor's id is the GPU's [p] 96boards-hikey/linux#59
     * (G71), ARM-software/ComputeLibrary#999 (G52), of this one [a]; vectors of 4 [p] the same; 32 KiB
     * for a group, in global memory [p] plaidml/plaidml#182 (T860); all of the memory at once [p]
     * hominoids/sgminer-arm#12 (G610); fp16, no fp64 [p] the same; 3.0 and its features [a]. */
    {.name = "mali-g78",
     .vendor = "ARM",
     .version = "OpenCL 3.0 v1.r32p1-01eac0",
     .vendor_id = 0x90020010,
     .compute_units = 20,
     .max_group = 512,
     .local_memory = KIB(32),
     .global_memory = MIB(7436),
     .max_alloc = MIB(7436),
     .is_unified = 1,
     .has_fp16 = 1,
     .has_flags = 1,
     .wave = 16,
     .preferred_width = 4,
     .native_width = 1,
     .held = HELD_ARM},
    /* Adreno 690 (Snapdragon 8cx Gen 3). 8 cores, waves of 128, and of the registers 128 for each of 256
     * items [m] (a690); ids and version [p] Oblomov/clinfo#92 (an Adreno 750), features
     * ggml-org/whisper.cpp#3708; 32 KiB for a group [p] BOINC/boinc#3613; groups of 1024, memory [a]. */
    {.name = "adreno-690",
     .vendor = "QUALCOMM",
     .version = "OpenCL 3.0 Adreno(TM) 690",
     .vendor_id = 0x5143,
     .compute_units = 8,
     .max_group = 1024,
     .local_memory = KIB(32),
     .global_memory = MIB(7676),
     .max_alloc = MIB(1919),
     .is_unified = 1,
     .has_fp16 = 1,
     .has_flags = 1,
     .wave = 128,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_FEW},
    /* Apple M1 with 16 GB. 8 cores, ids, OpenCL 1.2 and neither fp16 nor fp64 [p] hashcat/hashcat#2976,
     * diku-dk/futhark#1708; 32 KiB for a group [p] hashcat/hashcat#3068; groups of 256 and 10922 MiB [p]
     * GPGPUCourse/GPGPUTasks2025#148 (M2), #54 (M1 Pro); 2 GiB at once, waves of 32 [a]. */
    {.name = "apple-m1",
     .vendor = "Apple",
     .version = "OpenCL 1.2 ",
     .vendor_id = 0x1027f00,
     .compute_units = 8,
     .max_group = 256,
     .local_memory = KIB(32),
     .global_memory = MIB(10922),
     .max_alloc = MIB(2048),
     .is_unified = 1,
     .wave = 32,
     .preferred_width = 1,
     .native_width = 1,
     .held = HELD_FEW},
    /* Of no vendor: as little of everything as a plan takes. */
    {.name = "least",
     .vendor = "nobody",
     .version = "OpenCL 1.2 ",
     .vendor_id = 1,
     .compute_units = 1,
     .max_group = 64,
     .local_memory = KIB(16),
     .global_memory = MIB(64),
     .max_alloc = KIB(256),
     .is_unified = 1,
     .wave = 4,
     .preferred_width = 4,
     .native_width = 4,
     .held = HELD_FEW},
};

const struct personality *personality_named(const char *name) {
    for (int i = 0; i < PERSONALITIES; i++) {
        if (strcmp(personalities[i].name, name) == 0) {
            return &personalities[i];
        }
    }
    ck_abort_msg("no personality %s", name);
}

struct device_desc personality_desc(const struct personality *who) {
    return (struct device_desc){.kind = DEVICE_GPU,
                                .compute_units = (int)who->compute_units,
                                .vector_width = who->native_width == 4 ? 4 : 8,
                                .max_group = who->max_group,
                                .local_memory = who->local_memory,
                                .max_alloc = who->max_alloc,
                                .held = who->held,
                                .has_clblast = 1,
                                .has_flags = who->has_flags,
                                .overlaps = 1};
}

/* ---- answers --------------------------------------------------------------------------------- */

static const struct personality *worn;

static int answer_bytes(const void *from, size_t bytes, size_t size, void *value, size_t *needed) {
    memcpy(value, from, bytes < size ? bytes : size);
    *needed = bytes;
    return 1;
}

#define ANSWER(type, number)                                                                       \
    answer_bytes(&(const type){(type)(number)}, sizeof(type), size, value, needed)
#define ANSWER_TEXT(text) answer_bytes(text, strlen(text) + 1, size, value, needed)

enum { DEVICE_OPENCL_C_FEATURES = 0x106f }; /* of OpenCL 3.0 */

static int answer(cl_device_info what, size_t size, void *value, size_t *needed) {
    static const char *const extensions[2][2] = {
        {"cl_khr_byte_addressable_store", "cl_khr_byte_addressable_store cl_khr_fp64"},
        {"cl_khr_byte_addressable_store cl_khr_fp16",
         "cl_khr_byte_addressable_store cl_khr_fp16 cl_khr_fp64"}};
    switch (what) {
    case CL_DEVICE_TYPE:
        return ANSWER(cl_device_type, CL_DEVICE_TYPE_GPU);
    case CL_DEVICE_VENDOR:
        return ANSWER_TEXT(worn->vendor);
    case CL_DEVICE_VERSION:
        return ANSWER_TEXT(worn->version);
    case CL_DEVICE_EXTENSIONS:
        return ANSWER_TEXT(extensions[worn->has_fp16][worn->has_fp64]);
    case CL_DEVICE_VENDOR_ID:
        return ANSWER(cl_uint, worn->vendor_id);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return ANSWER(cl_uint, worn->compute_units);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return ANSWER(size_t, worn->max_group);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return ANSWER(cl_ulong, worn->local_memory);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return ANSWER(cl_ulong, worn->global_memory);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return ANSWER(cl_ulong, worn->max_alloc);
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        return ANSWER(cl_bool, worn->is_unified);
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT:
        return ANSWER(cl_uint, worn->preferred_width);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
        return ANSWER(cl_uint, worn->native_width);
    case DEVICE_OPENCL_C_FEATURES:
        *needed = 0;
        return !worn->has_flags; /* else the driver's own features */
    default:
        return 0;
    }
}

/* No larger group and no more local memory than there is. */
static cl_int launch(cl_kernel kernel, cl_uint dims, const size_t *local) {
    cl_device_id device = NULL;
    cl_program program = NULL;
    cl_ulong bytes = 0;
    size_t items = 1;
    for (cl_uint i = 0; i < dims; i++) {
        items *= local[i];
    }
    clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, NULL);
    clGetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof device, &device, NULL);
    clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    return items > worn->max_group      ? CL_INVALID_WORK_GROUP_SIZE
           : bytes > worn->local_memory ? CL_OUT_OF_RESOURCES
                                        : CL_SUCCESS;
}

void personality_wear(const struct personality *who) {
    static struct faults_pretence pretence = {.answer = answer, .launch = launch};
    worn = who;
    pretence.max_alloc = who != NULL ? who->max_alloc : 0;
    faults_pretend(who != NULL ? &pretence : NULL);
}
