/* cell_custom_end.cl: closes what cell_custom.cl opened. */
}
#if STATES == 2
state[1] = c;
#endif
return h;
}
