/* Preloaded into a test: flock fails with the error number in NO_LOCKS, as on file systems without locks. */
#include <errno.h>
#include <stdlib.h>

int flock(int descriptor, int operation)
{
    const char *number = getenv("NO_LOCKS");
    (void)descriptor;
    (void)operation;
    errno = number ? atoi(number) : ENOSYS;
    return -1;
}
