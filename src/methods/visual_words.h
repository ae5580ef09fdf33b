/* Visual words: k-means of what a network makes of each place of the training pictures, and which words each picture is
 * made of (Sivic and Zisserman, "Video Google", ICCV 2003; BoWNet, section 3.1). They are parameters, "words. ...". */
#ifndef SS_METHODS_VISUAL_WORDS_H
#define SS_METHODS_VISUAL_WORDS_H

#include "methods/method.h"

#define SS_WORD_PLACES 64 /* of a picture at most */

/* What a graph reads of them: a picture's bag of words as its few words, with the share of each; a word may come
 * twice. */
typedef struct ss_word_bags {
  ss_tensor *words;  /* (N, SS_WORD_PLACES) int32 of the samples whose ranks are given; -1 beyond the places */
  ss_tensor *shares; /* (N, SS_WORD_PLACES), each row summing to one */
  ss_tensor *chance; /* (1) the cross-entropy of the best constant guess: the entropy of all bags' mean */
} ss_word_bags;
ss_word_bags ss_build_word_bags(ss_build *build, ss_tensor *ranks);

/* Makes a vocabulary of `count` words from the last map of `model` (a run, file or random:ARCH) and spells all training
 * pictures with it. For before_epoch. SS_FAILED where the pictures have fewer places than words, or a map more places
 * than SS_WORD_PLACES. */
ss_status ss_visual_words_make(ss_task *task, ss_parameters *parameters, const char *model, int64_t count,
                               ss_error *error);

#endif
