/* pretrain.c: learns from pictures that the program makes itself, without a file.
 *
 *   cc pretrain.c -o pretrain $(pkg-config --cflags --libs selfsup)
 *   ./pretrain runs/discs                  # Ctrl-C saves and stops
 *   ./pretrain runs/discs --resume         # goes on, to the same bits
 *   ./pretrain runs/wide width=32 lr=0.03  # with options of the training or the method
 *
 * Each picture is a disc of some colour at some place; in its stead read a camera, a database, an archive. The network
 * learns by telling by how many quarters a picture was turned (the method rotation). */
#include <selfsup/selfsup.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { pictures = 512, side = 32 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

static uint32_t scramble(uint32_t x) {
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

/* Called from several threads at once: it keeps nothing. The same index gives the same picture each time. */
static ss_status read_picture(void *context, size_t index, ss_canvas *canvas, ss_error *error) {
  (void)context;
  uint8_t *pixels = ss_canvas_resize(canvas, side, side);
  if (!pixels) {
    snprintf(error->message, sizeof error->message, "not enough memory for a picture");
    return SS_NO_MEMORY;
  }
  const uint32_t hash = scramble((uint32_t)index + 1);
  const int centre_x = 8 + (int)(hash % 16), centre_y = 4 + (int)(hash / 16 % 10), radius = 3 + (int)(hash / 256 % 5);
  for (int y = 0; y < side; y++) {
    for (int x = 0; x < side; x++) {
      const int dx = x - centre_x, dy = y - centre_y;
      const int inside = dx * dx + dy * dy <= radius * radius;
      uint8_t *pixel = pixels + (y * side + x) * 3;
      pixel[0] = (uint8_t)(inside ? hash >> 8 : 40u);
      pixel[1] = (uint8_t)(inside ? hash >> 16 : 90u + (uint32_t)y * 4); /* a sky, lighter below: which way is up */
      pixel[2] = (uint8_t)(inside ? hash >> 24 : 160u);
    }
  }
  return SS_OK;
}

static int show(void *context, const ss_progress *progress) {
  (void)context;
  printf("update %lld of %lld: loss %.4f, %.0f pictures/s\n", (long long)progress->step, (long long)progress->steps,
         progress->loss, progress->images_per_s);
  return 0;
}

static int should_stop(void *context) {
  (void)context;
  return interrupted;
}

int main(int argc, char **argv) {
  enum { most_settings = 32 };
  const char *settings[most_settings + 1] = {"width=8", "size=32", "batch=64", "epochs=4", "lr=0.05"};
  int count = 5, resume = 0;
  for (int i = 2; i < argc && count < most_settings; i++) {
    if (strcmp(argv[i], "--resume") == 0) {
      resume = 1;
    } else {
      settings[count++] = argv[i]; /* of two for the same option the later one holds */
    }
  }
  if (argc < 2) {
    fprintf(stderr, "usage: pretrain RUN [--resume] [OPTION=VALUE...]\n");
    return 2;
  }
  signal(SIGINT, on_interrupt);
  const ss_picture_source source = {.count = pictures, .read = read_picture, .name = "discs"};
  const ss_pretrain_options options = {.method = "rotation",
                                       .pictures = &source,
                                       .settings = settings,
                                       .out = argv[1],
                                       .resume = resume,
                                       .progress = show,
                                       .should_stop = should_stop};
  ss_train_result result;
  ss_error error;
  const ss_status status = ss_pretrain(&options, &result, &error);
  if (status == SS_INTERRUPTED) {
    printf("stopped after %lld updates; ./pretrain %s --resume goes on\n", (long long)result.steps, argv[1]);
    return 0;
  }
  if (status != SS_OK) {
    fprintf(stderr, "pretrain: %s\n", error.message);
    return 1;
  }
  printf("done: %s; turns told rightly: %.1f %% (by guessing 25 %%)\n", argv[1], result.score);
  return 0;
}
