/* The run that a method learns from, made before its own. */
#ifndef SS_TRAIN_PRELUDE_H
#define SS_TRAIN_PRELUDE_H

#include "train/trainer.h"

/* Where the method has a teacher and the user names none, trains one into OUT-OPTION, with the network, the data and
 * the batches of the run to be made, and names it in its settings. Stopped, it goes on when the run is resumed; of a
 * run that has a checkpoint it makes nothing. */
ss_status ss_prelude(const ss_train_request *request, ss_error *error);

#endif
