/* The program as a user runs it: exit statuses, messages, what --json holds, on a few small pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "io/npy.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANDOM_MODEL "random:resnet18?width=4&size=16"

static char folder[256];     /* of all tests */
static char *printed, *told; /* by the last run, on standard output and standard error */

static const char *at(const char *name) { /* folder/name; the last sixteen stay */
  static char paths[16][512];
  static int next;
  char *path = paths[next++ % 16];
  snprintf(path, 512, "%s/%s", folder, name);
  return path;
}

static char *read_text(const char *path) {
  char *text = NULL;
  size_t size = 0;
  ss_error error = {""};
  if (ss_file_read(path, 1 << 24, &text, &size, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return text;
}

/* Runs the program with the words (ended by NULL) and returns its exit status. */
static int run(const char *first, ...) {
  char *words[32] = {(char *)SS_PROGRAM, (char *)first};
  int count = 2;
  va_list list;
  va_start(list, first);
  while ((words[count] = va_arg(list, char *))) {
    assert_true(++count < 31);
  }
  va_end(list);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const int out = open(at("out"), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    const int err = open(at("err"), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(SS_PROGRAM, words);
    _exit(127);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  free(printed);
  free(told);
  printed = read_text(at("out"));
  told = read_text(at("err"));
  return WEXITSTATUS(status);
}

static void expect(int status, int expected) {
  if (status != expected) {
    fail_msg("exit status %d, not %d: %s", status, expected, told);
  }
}

static void expect_told(const char *text) {
  if (!strstr(told, text)) {
    fail_msg("\"%s\" is not in: %s", text, told);
  }
}

/* The last line of standard output as JSON. */
static cJSON *last_json(void) {
  size_t length = strlen(printed);
  assert_true(length > 0 && printed[length - 1] == '\n');
  printed[--length] = '\0';
  const char *line = strrchr(printed, '\n');
  line = line ? line + 1 : printed;
  cJSON *json = NULL;
  ss_error error = {""};
  if (ss_json_parse(&json, line, strlen(line), "standard output", &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return json;
}

static double number(const cJSON *json, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
  assert_true(cJSON_IsNumber(item));
  return item->valuedouble;
}

static bool is_null(const cJSON *json, const char *key) {
  return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, key));
}

static void put(const char *name, const void *bytes, size_t size) {
  char path[512];
  snprintf(path, sizeof path, "%s", at(name));
  for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(path, 0755);
    *slash = '/';
  }
  ss_error error = {""};
  assert_int_equal(ss_file_write(path, bytes, size, SS_FILE_UNSYNCED, &error), SS_OK);
}

/* `count` pictures of 16 x 16 pixels in DATA/CLASS: noise above a shade. */
static void put_pictures(const char *class_path, int count, int shade) {
  uint8_t bytes[13 + 16 * 16 * 3];
  memcpy(bytes, "P6 16 16 255\n", 13);
  for (int i = 0; i < count; i++) {
    ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, ss_hash_text(class_path), (uint32_t)i);
    for (size_t k = 13; k < sizeof bytes; k++) {
      bytes[k] = (uint8_t)(shade + (int)ss_random_below(&random, 60));
    }
    char name[256];
    snprintf(name, sizeof name, "%s/%02d.ppm", class_path, i);
    put(name, bytes, sizeof bytes);
  }
}

static int make_folder(void **unused) {
  (void)unused;
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/selfsup-test-XXXXXX", base ? base : "/tmp");
  if (!mkdtemp(folder)) {
    return -1;
  }
  setenv("XDG_CACHE_HOME", folder, 1); /* kernel choices of these tests only */
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("OMP_NUM_THREADS", "1", 1);
  put_pictures("pets/cat", 14, 20);
  put_pictures("pets/dog", 16, 150);
  put_pictures("parts/train/cat", 6, 20);
  put_pictures("parts/train/dog", 6, 150);
  put_pictures("parts/test/cat", 3, 20);
  put_pictures("parts/test/dog", 2, 150);
  put_pictures("lopsided/train/cat", 3, 20);
  put_pictures("lopsided/train/dog", 3, 150);
  put_pictures("lopsided/test/cat", 2, 20);
  put_pictures("loose", 5, 90);
  return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
  (void)status;
  (void)kind;
  (void)walk;
  return remove(path);
}

static int remove_folder(void **unused) {
  (void)unused;
  free(printed);
  free(told);
  return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void refuses_wrong_words(void **unused) {
  (void)unused;
  expect(run("prboe", NULL), 2);
  expect_told("selfsup: unknown command: prboe; did you mean probe");
  expect(run("probe", RANDOM_MODEL, at("pets"), "--label", "0.1", NULL), 2);
  expect_told("unknown option: --label; did you mean --labels");
  expect(run("probe", RANDOM_MODEL, NULL), 2);
  expect_told("usage: selfsup probe RUN DATA");
  expect(run("probe", RANDOM_MODEL, at("pets"), "--protocol", "adam", NULL), 2);
  expect_told("protocol must be one of lbfgs|sgd, not adam");
  expect(run("knn", RANDOM_MODEL, at("pets"), "-k", "0", NULL), 2);
  expect(run("knn", "random:resnet19", at("pets"), NULL), 2);
  expect_told("did you mean resnet18");
  expect(run("embed", RANDOM_MODEL, at("pets"), NULL), 2);
  expect_told("-o FEATURES.npy");
  expect(run("export", RANDOM_MODEL, "-o", at("model.pt"), NULL), 2);
  expect_told("must end in .safetensors");
}

static void names_what_is_missing(void **unused) {
  (void)unused;
  expect(run("probe", at("runs/nothing"), at("pets"), NULL), 1);
  expect_told("no such run folder or file");
  expect_told("runs/nothing");
  expect(run("knn", RANDOM_MODEL, at("nowhere"), NULL), 1);
  expect_told("nowhere");
  expect(run("probe", RANDOM_MODEL, at("loose"), NULL), 1);
  expect_told("needs labels");
  expect(run("knn", RANDOM_MODEL, at("lopsided"), NULL), 1);
  expect_told("class \"dog\" has no test images");
  assert_string_equal(printed, "");
  expect(run("embed", RANDOM_MODEL, at("pets"), "-o", at("no/such/folder.npy"), NULL), 1);
  expect_told("no/such/folder");
}

static void probes_layers(void **unused) {
  (void)unused;
  expect(run("probe", RANDOM_MODEL, at("parts"), "--layers", "all", "--json", NULL), 0);
  assert_null(strstr(told, "kept for testing"));
  assert_non_null(strstr(printed, "rescaled"));
  cJSON *json = last_json();
  const cJSON *layers = cJSON_GetObjectItemCaseSensitive(json, "layers");
  assert_int_equal(cJSON_GetArraySize(layers), 5);
  const cJSON *layer = cJSON_GetArrayItem(layers, 4);
  assert_string_equal(cJSON_GetObjectItemCaseSensitive(layer, "name")->valuestring, "layer4");
  assert_true(number(layer, "top1") == number(layer, "random_top1")); /* the run is an untrained network itself */
  assert_true(number(layer, "top5") == 100.0 && number(layer, "random_top5") == 100.0);
  assert_true(number(layer, "rescaled_top1") <= 100.0);
  assert_true(is_null(layer, "supervised_top1"));
  assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "best")));
  assert_true(number(json, "classes") == 2 && number(json, "train") == 12 && number(json, "test") == 5);
  cJSON_Delete(json);
}

static void splits_limits_and_compares(void **unused) {
  (void)unused;
  expect(run("export", "random:resnet18?width=8&size=16", "-o", at("wide.safetensors"), NULL), 0);
  expect(run("probe", RANDOM_MODEL, at("pets"), "--labels", "0.2", "--protocol", "sgd", "--supervised",
             at("wide.safetensors"), "--json", NULL),
         0);
  expect_told("no test part");
  cJSON *json = last_json();
  const cJSON *layer = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "layers"), 0);
  assert_true(number(layer, "supervised_top1") >= 0.0 && is_null(layer, "rescaled_top1"));
  const double tests = number(json, "test");
  assert_true(tests >= 2 && number(json, "train") <= 7);
  cJSON_Delete(json);

  expect(run("probe", RANDOM_MODEL, at("pets"), "--labels", "0.001", "--json", NULL), 0); /* one of each class */
  json = last_json();
  assert_true(number(json, "train") == 2 && number(json, "test") == tests);
  cJSON_Delete(json);

  expect(run("probe", RANDOM_MODEL, at("parts/train"), "--test", at("pets"), "--limit", "4", "--json", NULL), 0);
  json = last_json();
  assert_true(number(json, "train") == 4 && number(json, "test") == 30);
  cJSON_Delete(json);
}

static void finds_neighbours(void **unused) {
  (void)unused;
  expect(run("knn", RANDOM_MODEL, at("parts"), "-k", "3", "--json", NULL), 0);
  cJSON *json = last_json();
  assert_true(number(json, "k") == 3 && number(json, "top1") > 50.0 && number(json, "top1") <= 100.0);
  cJSON_Delete(json);
  expect(run("knn", RANDOM_MODEL, at("parts"), NULL), 0);
  assert_non_null(strstr(printed, " 20 "));
}

static void embeds_and_exports(void **unused) {
  (void)unused;
  expect(run("embed", RANDOM_MODEL, at("pets"), "-o", at("f.npy"), "--batch", "7", NULL), 0);
  float *features = NULL, *again = NULL;
  int64_t rows, columns;
  ss_error error = {""};
  assert_int_equal(ss_npy_read(at("f.npy"), &features, &rows, &columns, &error), SS_OK);
  assert_true(rows == 30 && columns == 32);
  char *names = read_text(at("f.txt"));
  int lines = 0;
  for (const char *c = names; *c; c++) {
    lines += *c == '\n';
  }
  assert_int_equal(lines, 30);
  assert_memory_equal(names, "cat/00.ppm\ncat/01.ppm\n", 22);
  free(names);

  expect(run("export", RANDOM_MODEL, "-o", at("m.safetensors"), NULL), 0);
  expect(run("embed", at("m.safetensors"), at("pets"), "-o", at("g.npy"), "--batch", "7", NULL), 0);
  assert_int_equal(ss_npy_read(at("g.npy"), &again, &rows, &columns, &error), SS_OK);
  assert_memory_equal(features, again, (size_t)(rows * columns) * sizeof(float));
  free(features);
  free(again);

  struct stat whole, half;
  expect(run("export", at("m.safetensors"), "-o", at("h.safetensors"), "--half", NULL), 0);
  assert_int_equal(stat(at("m.safetensors"), &whole), 0);
  assert_int_equal(stat(at("h.safetensors"), &half), 0);
  assert_true(half.st_size < whole.st_size * 2 / 3);
  expect(run("knn", at("h.safetensors"), at("pets"), NULL), 0);
  expect(run("export", at("m.safetensors"), "-o", at("b.safetensors"), "--bf16", NULL), 0);
  expect(run("export", at("m.safetensors"), "-o", at("m.onnx"), NULL), 0);
  expect(run("export", at("m.safetensors"), "-o", at("h.onnx"), "--half", NULL), 0);
  assert_int_equal(stat(at("m.onnx"), &whole), 0);
  assert_int_equal(stat(at("h.onnx"), &half), 0);
  assert_true(half.st_size < whole.st_size * 2 / 3);
  expect(run("export", at("m.safetensors"), "-o", at("b.onnx"), "--bf16", NULL), 2);
  expect_told("float16 by --half");
  expect(run("export", at("m.safetensors"), "-o", at("b.safetensors"), "--bf16", "--half", NULL), 2);
}

static void same_bytes(const char *a, const char *b) {
  char *x = NULL, *y = NULL;
  size_t x_size = 0, y_size = 0;
  ss_error error = {""};
  assert_int_equal(ss_file_read(at(a), 1 << 28, &x, &x_size, &error), SS_OK);
  assert_int_equal(ss_file_read(at(b), 1 << 28, &y, &y_size, &error), SS_OK);
  assert_int_equal(x_size, y_size);
  assert_memory_equal(x, y, x_size);
  free(x);
  free(y);
}

/* k-NN while pretraining is logged, and changes no bit of what is learned; with 0 it is not measured. */
static void watches_without_touching(void **unused) {
  (void)unused;
  static const char *const every[] = {"1", "0"}, *const runs[] = {"watched", "unwatched"};
  for (int i = 0; i < 2; i++) {
    expect(run("pretrain", "rotation", at("parts"), "--width", "4", "--size", "16", "--batch", "4", "--epochs", "2",
               "--precision", "f32", "--threads", "1", "--knn-every", every[i], "--out", at(runs[i]), NULL),
           0);
    assert_true((strstr(told, "k-NN accuracy") != NULL) == (i == 0));
  }
  char *lines = read_text(at("watched/metrics.jsonl"));
  assert_non_null(strstr(lines, "\"knn\""));
  free(lines);
  lines = read_text(at("unwatched/metrics.jsonl"));
  assert_null(strstr(lines, "\"knn\""));
  assert_non_null(strstr(lines, "\"pretext\""));
  free(lines);
  same_bytes("watched/backbone.safetensors", "unwatched/backbone.safetensors");
  same_bytes("watched/checkpoint.safetensors", "unwatched/checkpoint.safetensors");

  expect(run("pretrain", "rotation", at("lopsided"), "--width", "4", "--size", "16", "--batch", "2", "--epochs", "1",
             "--precision", "f32", "--threads", "1", "--out", at("silent"), NULL),
         0);
  assert_null(strstr(told, "k-NN"));

  expect(run("probe", at("watched"), at("parts"), "--json", NULL), 0);
  cJSON *json = last_json();
  const cJSON *layer = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "layers"), 0);
  assert_true(number(layer, "random_top1") >= 0.0);
  cJSON_Delete(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_wrong_words),     cmocka_unit_test(names_what_is_missing),
      cmocka_unit_test(probes_layers),           cmocka_unit_test(splits_limits_and_compares),
      cmocka_unit_test(finds_neighbours),        cmocka_unit_test(embeds_and_exports),
      cmocka_unit_test(watches_without_touching)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
