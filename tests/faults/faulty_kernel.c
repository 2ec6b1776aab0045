/*
 * The calls that change files below the folder FAULT_FOLDER, with a fault FAULT at the one of number
 * FAULT_AT; LD_PRELOAD puts it between a program and the system. The faults are those of faulty_disk.ts.
 * When the call is reached, the file FAULT_REACHED is made.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int calls;

static int below(const char *path) {
  const char *folder = getenv("FAULT_FOLDER");
  size_t length = folder ? strlen(folder) : 0;
  return folder && strncmp(path, folder, length) == 0 && (path[length] == '/' || !path[length]);
}

/* By name and not by number: the program copies descriptors. */
static int leads_below(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path);
}

static int is(const char *fault) { return strcmp(getenv("FAULT"), fault) == 0; }

/* Counts a call; whether it is the one with the fault. */
static int is_faulty(void) {
  if (atomic_fetch_add(&calls, 1) != atoi(getenv("FAULT_AT"))) return 0;
  syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, getenv("FAULT_REACHED"), O_CREAT | O_WRONLY, 0600));
  if (is("kill")) kill(getpid(), SIGKILL);
  return 1;
}

/* The result of a call that is faulty and has happened only if the fault is torn or short. */
static long fault_of(long result) {
  if (is("torn")) kill(getpid(), SIGKILL);
  if (is("short")) return result;
  errno = is("ENOSPC") ? ENOSPC : is("EIO") ? EIO : EINTR;
  return -1;
}

static int happens(void) { return is("torn") || is("short"); }

#define CHANGE(counts, call)                    \
  do {                                          \
    if (!(counts) || !is_faulty()) return call; \
    return fault_of(happens() ? call : -1);     \
  } while (0)

static int open_file(int folder, const char *path, int flags, mode_t mode) {
  int faulty = below(path) && (flags & O_CREAT) && is_faulty();
  int fd = faulty && !happens() ? -1 : syscall(SYS_openat, folder, path, flags, mode);
  return faulty ? fault_of(fd) : fd;
}

#define MODE(flags)              \
  mode_t mode = 0;               \
  if (flags & O_CREAT) {         \
    va_list rest;                \
    va_start(rest, flags);       \
    mode = va_arg(rest, mode_t); \
    va_end(rest);                \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE(flags)
  return open_file(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  if (!leads_below(fd) || !is_faulty()) return syscall(SYS_write, fd, bytes, count);
  return fault_of(happens() ? syscall(SYS_write, fd, bytes, (count + 1) / 2) : -1);
}

int fsync(int fd) { CHANGE(leads_below(fd), syscall(SYS_fsync, fd)); }

int rename(const char *from, const char *to) {
  CHANGE(below(from), syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char *path) { CHANGE(below(path), syscall(SYS_unlinkat, AT_FDCWD, path, 0)); }

int chmod(const char *path, mode_t mode) {
  CHANGE(below(path), syscall(SYS_fchmodat, AT_FDCWD, path, mode));
}
