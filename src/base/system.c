#include "base/system.h"

#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

double ss_system_peak_rss_mb(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) {
    return 0;
  }
  return (double)usage.ru_maxrss * 1024 / 1e6;
}

int ss_system_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    return CPU_COUNT(&set);
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

/* The number in a file of one number, such as the control group's; false if there is none ("max"). */
static bool read_number(const char *path, uint64_t *number) {
  FILE *file = fopen(path, "re");
  if (!file) {
    return false;
  }
  const bool found = fscanf(file, "%" SCNu64, number) == 1;
  fclose(file);
  return found;
}

/* The number after `key` in /proc/meminfo, in bytes; 0 if it is not there. */
static uint64_t read_meminfo(const char *key) {
  FILE *file = fopen("/proc/meminfo", "re");
  if (!file) {
    return 0;
  }
  char line[128];
  uint64_t kilobytes = 0;
  const size_t length = strlen(key);
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, key, length) == 0) {
      if (sscanf(line + length, "%" SCNu64, &kilobytes) != 1) {
        kilobytes = 0;
      }
      break;
    }
  }
  fclose(file);
  return kilobytes * 1024;
}

uint64_t ss_system_available_memory(void) {
  uint64_t available = read_meminfo("MemAvailable:");
  uint64_t limit, used;
  if (read_number("/sys/fs/cgroup/memory.max", &limit) && read_number("/sys/fs/cgroup/memory.current", &used)) {
    const uint64_t left = limit > used ? limit - used : 0;
    if (available == 0 || left < available) {
      available = left;
    }
  }
  return available;
}

/* The value of the first line "key : value" of /proc/cpuinfo, trimmed; false if there is none. */
static bool read_cpuinfo(const char *key, char *value, size_t size) {
  FILE *file = fopen("/proc/cpuinfo", "re");
  if (!file) {
    return false;
  }
  char line[512];
  bool found = false;
  while (!found && fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (colon && strncmp(line, key, strlen(key)) == 0) {
      const char *start = colon + 1;
      start += strspn(start, " \t");
      snprintf(value, size, "%s", start);
      size_t length = strlen(value);
      while (length && isspace((unsigned char)value[length - 1])) {
        value[--length] = '\0';
      }
      found = length > 0;
    }
  }
  fclose(file);
  return found;
}

void ss_system_processor_name(char *name, size_t size) {
  if (!read_cpuinfo("model name", name, size) && !read_cpuinfo("Model", name, size) &&
      !read_cpuinfo("CPU part", name, size)) {
    snprintf(name, size, "unknown");
  }
}

void ss_system_name(char *name, size_t size) {
  struct utsname system;
  if (uname(&system) == 0) {
    snprintf(name, size, "%s %s %s", system.sysname, system.release, system.machine);
  } else {
    snprintf(name, size, "unknown");
  }
}
