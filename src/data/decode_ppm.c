/* PGM and PPM, plain (P2, P3) and raw (P5, P6), with up to 16 bits a value. */
#include "data/decode_format.h"

typedef struct reader {
  const uint8_t *bytes;
  size_t size;
  size_t at;
} reader;

static bool is_space(uint8_t byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The next decimal number, after white space and comments; false if there is none or it is above 2^24. */
static bool next_number(reader *in, uint32_t *number) {
  while (in->at < in->size && (is_space(in->bytes[in->at]) || in->bytes[in->at] == '#')) {
    if (in->bytes[in->at] == '#') {
      while (in->at < in->size && in->bytes[in->at] != '\n' && in->bytes[in->at] != '\r') {
        in->at++;
      }
    } else {
      in->at++;
    }
  }
  const size_t start = in->at;
  *number = 0;
  while (in->at < in->size && in->bytes[in->at] >= '0' && in->bytes[in->at] <= '9') {
    *number = *number * 10 + (uint32_t)(in->bytes[in->at++] - '0');
    if (*number > 1u << 24) {
      return false;
    }
  }
  return in->at > start;
}

static ss_status read_values(reader *in, bool plain, uint32_t most, size_t count, uint8_t *out, ss_error *error) {
  const size_t bytes_a_value = most > 255 ? 2 : 1;
  if (!plain && (in->size - in->at) / bytes_a_value < count) {
    return ss_fail(error, SS_FAILED, "PPM cut short");
  }
  for (size_t i = 0; i < count; i++) {
    uint32_t value = 0;
    if (plain) {
      if (!next_number(in, &value)) {
        return ss_fail(error, SS_FAILED, "PPM cut short, or not a number where one is due");
      }
    } else {
      value = in->bytes[in->at++];
      if (bytes_a_value == 2) {
        value = value << 8 | in->bytes[in->at++];
      }
    }
    if (value > most) {
      return ss_fail(error, SS_FAILED, "damaged PPM: a value of %u above its maximum %u", value, most);
    }
    out[i] = (uint8_t)(most == 255 ? value : (value * 255 + most / 2) / most);
  }
  return SS_OK;
}

ss_status ss_decode_pnm(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, int *orientation, ss_error *error) {
  (void)decoder;
  (void)orientation;
  const char kind = (char)bytes[1];
  if (kind == '1' || kind == '4') {
    return ss_fail(error, SS_FAILED, "a black and white PBM; save it as PGM or PNG");
  }
  reader in = {bytes, size, 2};
  uint32_t width = 0, height = 0, most = 0;
  if (!next_number(&in, &width) || !next_number(&in, &height) || !next_number(&in, &most) || most < 1 || most > 65535 ||
      in.at >= size || !is_space(bytes[in.at])) {
    return ss_fail(error, SS_FAILED, "damaged PPM header");
  }
  in.at++; /* exactly one white space ends the header of the raw kinds */
  SS_TRY(ss_decode_check_size(width, height, options, error));
  const bool plain = kind == '2' || kind == '3';
  const int channels = kind == '2' || kind == '5' ? 1 : 3;
  const size_t count = (size_t)width * height * (size_t)channels;
  if ((plain ? (size - in.at + 1) / 2 : size - in.at) < count) { /* before anything so large is allocated */
    return ss_fail(error, SS_FAILED, "PPM cut short");
  }
  SS_TRY(ss_image_resize_buffer(out, (int)width, (int)height, channels, error));
  return read_values(&in, plain, most, count, out->pixels, error);
}
