/* spawn N PROGRAM [ARG...]: run it N times, output thrown away, and print the median nanoseconds from spawn to exit. A
 * run that does not end with 0 ends the measurement: a fast failure is no fast program. */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv) {
    long n = argc > 2 ? atol(argv[1]) : 0;
    int64_t *took = n > 0 ? calloc((size_t)n, sizeof *took) : NULL;
    posix_spawn_file_actions_t files;
    if (!took || posix_spawn_file_actions_init(&files))
        return 2;
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (long i = 0; i < n; i++) {
        pid_t pid;
        int status;
        int64_t start = now();
        if (posix_spawnp(&pid, argv[2], &files, NULL, argv + 2, environ) || waitpid(pid, &status, 0) != pid || status) {
            fprintf(stderr, "spawn: %s failed\n", argv[2]);
            return 1;
        }
        took[i] = now() - start;
    }
    qsort(took, (size_t)n, sizeof *took, by_value);
    printf("%lld\n", (long long)took[n / 2]);
    posix_spawn_file_actions_destroy(&files);
    free(took);
    return 0;
}
