/* tuning_library.c: the kernels of CLBlast 1.5.3 that a product of matrices takes. */
#include "core/tuning_library.h"

/* clang-format off */
const struct library_kernel library_kernels[LIBRARY_KERNELS] = {
    {"Xgemm", 16, {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB", "NDIMC", "NWG",
                   "SA", "SB", "STRM", "STRN", "VWM", "VWN"}},
    {"XgemmDirect", 10, {"KWID", "MDIMAD", "MDIMCD", "NDIMBD", "NDIMCD", "PADA", "PADB", "VWMD",
                         "VWND", "WGD"}},
    {"GemmRoutine", 1, {"XGEMM_MIN_INDIRECT_SIZE"}},
    {"Copy", 4, {"COPY_DIMX", "COPY_DIMY", "COPY_VW", "COPY_WPT"}},
    {"Pad", 4, {"PAD_DIMX", "PAD_DIMY", "PAD_WPTX", "PAD_WPTY"}},
    {"Transpose", 4, {"TRA_DIM", "TRA_PAD", "TRA_SHUFFLE", "TRA_WPT"}},
    {"Padtranspose", 3, {"PADTRA_PAD", "PADTRA_TILE", "PADTRA_WPT"}},
};
/* clang-format on */

int tuning_library_is_given(const struct tuning_library *library) {
    int given = 0;
    for (int i = 0; i < LIBRARY_KERNELS; i++) {
        given |= library->given[i];
    }
    return given;
}
