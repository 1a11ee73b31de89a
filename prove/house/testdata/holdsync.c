// Loaded before libc, this holds every fsync and fdatasync while the file $HOLD_SYNC exists,
// and makes $HOLD_SYNC.reached when one is held.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void hold(void) {
  const char *file = getenv("HOLD_SYNC");
  char reached[4096];
  if (file == NULL || access(file, F_OK) != 0) return;
  snprintf(reached, sizeof reached, "%s.reached", file);
  close(open(reached, O_CREAT | O_WRONLY, 0600));
  while (access(file, F_OK) == 0) usleep(1000);
}

int fdatasync(int fd) {
  hold();
  return syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
  hold();
  return syscall(SYS_fsync, fd);
}
