/* clock.h: the one clock of the library: for profiles and for deadlines. */
#ifndef CLRNN_CORE_CLOCK_H
#define CLRNN_CORE_CLOCK_H

/* Microseconds since some moment; never goes back. */
double clock_us(void);

#endif
