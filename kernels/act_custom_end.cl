/* act_custom_end.cl: closes what act_custom.cl opened. */
}
return x;
}
#undef PHASE
