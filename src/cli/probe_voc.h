/* probe where DATA is a VOC devkit: which classes a picture shows. */
#ifndef SS_CLI_PROBE_VOC_H
#define SS_CLI_PROBE_VOC_H

#include "cli/arguments.h"

ss_status ss_probe_voc(const ss_arguments *arguments, ss_error *error);

#endif
