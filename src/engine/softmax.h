/* What SOFTMAX computes: ss_attributes.kind. SOFTMAX: x -> y; SOFTMAX_BACKWARD: dy, y -> dx. */
#ifndef SS_ENGINE_SOFTMAX_H
#define SS_ENGINE_SOFTMAX_H

typedef enum ss_softmax_kind { SS_SOFTMAX, SS_LOG_SOFTMAX } ss_softmax_kind;

#endif
