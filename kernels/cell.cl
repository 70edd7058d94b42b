/*
 * cell.cl: what the cells' formulas are written with, beside the activations: options and gates.
 */
#ifdef __OPENCL_C_VERSION__
#define HAS(option) ((OPTIONS & (option)) != 0)
#else
#define HAS(option) ((p->options & (option)) != 0)
#endif

/* What a gate's activation takes, held in +-gate_clip where the layer asks for that. */
static inline real gate_sum(const struct params *p, real sum) {
    if (HAS(OPTION_GATE_CLIP)) {
        sum = hold_in(sum, p->gate_clip);
    }
    return sum;
}
#define GATE(slot, sum) ACT(slot, gate_sum(p, sum))
