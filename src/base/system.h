/* What machine this is and what of it the process uses. */
#ifndef SS_BASE_SYSTEM_H
#define SS_BASE_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* The most memory the process has held so far, in MB (10^6 bytes). */
double ss_system_peak_rss_mb(void);

/* Processors this process may run on (its affinity mask, as nproc counts), at least 1. */
int ss_system_processors(void);

/* Bytes of memory the process may still take without swapping: the machine's, or its control group's where that is
 * less. 0 where it cannot be told. */
uint64_t ss_system_available_memory(void);

/* Fills `name` with the processor's model, "unknown" where the system does not say; always ends in 0. */
void ss_system_processor_name(char *name, size_t size);

/* Fills `name` with the operating system and machine architecture, as "Linux 6.1.0 x86_64". */
void ss_system_name(char *name, size_t size);

#endif
