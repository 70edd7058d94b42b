/* act_custom.cl: opens the function that a user's activation in slot PHASE is the body of. */
static inline real CAT(act_custom_, PHASE)(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    { /* the text's own names are its own */
