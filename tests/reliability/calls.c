/* Preloaded: the k-th call of a kind on a path that holds a part fails with errno, once it is armed; k = 0 means all.
   W2S_PROBE_FLOCK=ERRNO makes every flock fail, as on file systems without locks. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char kind[16], part[512];
static int failing, error_number, calls;

void arm(const char *call, int k, int number, const char *path_part) {
    snprintf(kind, sizeof kind, "%s", call);
    snprintf(part, sizeof part, "%s", path_part);
    failing = k, error_number = number, calls = 0;
}

int matching_calls(void) { return calls; }

static int fails(const char *call, const char *path) {
    if (!kind[0] || strcmp(call, kind) || !path) return 0;
    if (!strstr(path, part)) return 0;
    calls++;
    if (failing != 0 && calls != failing) return 0;
    errno = error_number;
    return 1;
}

static const char *path_of(int fd) {
    static __thread char path[4096];
    char link[64];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0) return NULL;
    path[length] = 0;
    return path;
}

static int fails_at(const char *call, const char *path) {
    char whole[8192] = "";
    if (!kind[0] || !path) return 0;
    if (path[0] != '/' && getcwd(whole, 4096)) strcat(whole, "/"); /* unlike pipes and sockets of path_of */
    strncat(whole, path, 4000);
    return fails(call, whole);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, #name)
#define ON_FD(type, name, call, declared, ...) \
    type name declared { \
        REAL(type, name, ON_FD_TYPES_##name); \
        return kind[0] && fails(call, path_of(fd)) ? -1 : real(__VA_ARGS__); \
    }
#define ON_FD_TYPES_write int, const void *, size_t
#define ON_FD_TYPES_pwrite64 int, const void *, size_t, off64_t
#define ON_FD_TYPES_read int, void *, size_t
#define ON_FD_TYPES_pread64 int, void *, size_t, off64_t
#define ON_FD_TYPES_fsync int
#define ON_FD_TYPES_fdatasync int
ON_FD(ssize_t, write, "write", (int fd, const void *b, size_t n), fd, b, n)
ON_FD(ssize_t, pwrite64, "write", (int fd, const void *b, size_t n, off64_t at), fd, b, n, at)
ON_FD(ssize_t, read, "read", (int fd, void *b, size_t n), fd, b, n)
ON_FD(ssize_t, pread64, "read", (int fd, void *b, size_t n, off64_t at), fd, b, n, at)
ON_FD(int, fsync, "fsync", (int fd), fd)
ON_FD(int, fdatasync, "fsync", (int fd), fd)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        int mode = va_arg(rest, int); \
        va_end(rest); \
        return fails_at("open", path) ? -1 : real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return fails_at("rename", to) ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return fails_at("mkdir", path) ? -1 : real(path, mode);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return fails_at("unlink", path) ? -1 : real(path);
}

DIR *opendir(const char *path) {
    REAL(DIR *, opendir, const char *);
    return fails_at("list", path) ? NULL : real(path);
}

int flock(int fd, int operation) {
    REAL(int, flock, int, int);
    const char *number = getenv("W2S_PROBE_FLOCK");
    if (!number) return real(fd, operation);
    errno = atoi(number);
    return -1;
}
