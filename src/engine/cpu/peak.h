/* What the processors could do at best. */
#ifndef SS_ENGINE_CPU_PEAK_H
#define SS_ENGINE_CPU_PEAK_H

#include "engine/peak.h"

/* ss_peak_measure's part. */
ss_peak ss_cpu_peak_measure(int threads);

#endif
