/* phase_end.cl: forgets the template names of a phase, so that the next one can define its own. */
#undef PHASE_NAME
#undef PHASE_ROWS
#undef PHASE_TURNS
#undef PHASE_CALLED
#undef PHASE_BLOCK_END
#undef PHASE_UNROLL
#undef PHASE_GATE
#undef PHASE_WORDS
#undef PHASE_K
#undef PHASE_SLICES
#undef PHASE_SLICE
#undef PHASE_UNITS
#undef PHASE_WEIGHTS
#undef PHASE_BIASES
#undef PHASE_BIAS_STRIDE
#undef PHASE
