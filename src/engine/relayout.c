/* RELAYOUT: x (N, H, W, C) in one layout -> the same values in the other. The layout pass puts it in after the backward
 * pass is recorded, so no gradient goes through it. */
#include "engine/node.h"

const ss_operation_definition ss_operation_relayout = {"relayout", NULL, SS_BOTH_LAYOUTS};
