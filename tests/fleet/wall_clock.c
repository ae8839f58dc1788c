/* What the wall clock says to a program that is started with this as LD_PRELOAD: it is ahead by as many seconds as the
   file that WALL_CLOCK_AHEAD names says, and time passes on it as it does. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long ahead_s(void) {
    char text[24] = "";
    const char *path = getenv("WALL_CLOCK_AHEAD");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) {
        return 0;
    }
    ssize_t bytes = read(file, text, sizeof text - 1);
    close(file);
    return bytes > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME) {
        now->tv_sec += ahead_s();
    }
    return failed;
}
