/* Inside the engine: element-wise nodes that follow each other, computed as one CHAIN node without the tensors between
 * them. */
#ifndef SS_ENGINE_CHAIN_H
#define SS_ENGINE_CHAIN_H

#include "engine/node.h"

/* The methods' training steps have chains of up to 5 nodes with 6 inputs. */
#define SS_CHAIN_LENGTH 8

/* What one of the nodes computed. An operand below SS_MAX_INPUTS is that input of the CHAIN node, of the output's
 * number of elements or broadcast to its shape; SS_MAX_INPUTS + i is the result of instruction i. */
typedef struct ss_chain_instruction {
  ss_operation operation; /* UNARY, UNARY_BACKWARD, BINARY or CAST */
  int kind;               /* as in the node's attributes */
  float alpha, beta;
  int operands[2]; /* twice the same where the operation has one */
  ss_dtype dtype;  /* what the result is rounded to: float32 or bf16 */
} ss_chain_instruction;

/* The last instruction's result is the node's output. */
struct ss_chain {
  ss_chain_instruction instructions[SS_CHAIN_LENGTH];
  int length;
};

#endif
