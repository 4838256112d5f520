/* Loaded into the program by tests/faults/power.rs: notes each fsync, whether it went well, of which
   inode, and under which name at that moment, a line each. Those of files whose name holds
   $FSYNC_FAILS fail. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int note(int file, long call) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    name[length < 0 ? 0 : length] = 0;
    struct stat about = {0};
    fstat(file, &about);
    const char *fails = getenv("FSYNC_FAILS");
    int result = -1, error = EIO;
    if (!fails || !*fails || !strstr(name, fails)) {
        result = syscall(call, file);
        error = errno;
    }
    int log = open(getenv("FSYNC_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    dprintf(log, "%s %llu %s\n", result ? "failed" : "done", (unsigned long long)about.st_ino, name);
    close(log);
    errno = error;
    return result;
}

int fsync(int file) { return note(file, SYS_fsync); }
int fdatasync(int file) { return note(file, SYS_fdatasync); }
