/* What the trainer's tests share: small data sets and comparing runs. */
#ifndef TESTS_TRAIN_SUPPORT_H
#define TESTS_TRAIN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../engine/support_gpu.h"
#include "train/trainer.h"

/* A temporary folder; removed with everything in it by support_remove. The string is the caller's to free. */
char *support_folder(void);
void support_remove(const char *folder);

/* FOLDER/NAME, to be freed. */
char *support_path(const char *folder, const char *name);

/* Writes `count` pictures of 20 x 20 pixels into FOLDER/data/{stripes,dots}, one half each, that differ in more than
 * noise. Returns that folder's path. */
char *support_pictures(const char *folder, int count);

/* A group's set-up and tear-down: a temporary folder with 64 such pictures. */
extern char *support_home, *support_data;
int support_set_up(void **state);
int support_tear_down(void **state);

/* A configuration for a small network on `data`: width 4, 16 px, batch 8, float32, one thread; then key=value pairs
 * ended by NULL. */
ss_config *support_config(const char *method, const char *data, ...);

/* Trains and returns the status; the message is in *error. */
ss_status support_train(ss_config *config, const char *out, bool resume, int64_t stop_after, ss_train_result *result,
                        ss_error *error);

/* Fails the test unless the files NAME of both folders are the same bytes. */
void support_same_file(const char *a, const char *b, const char *name);

#endif
