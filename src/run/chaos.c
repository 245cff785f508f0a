#include "run/chaos.h"

#ifdef SK_CHAOS

#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "run/loop.h"
#include "run/task.h"

static uint64_t state;
static bool cancels;

void sk_chaos(unsigned long long seed) { state = seed; }

void sk_chaos_cancel(bool on) { cancels = on; }

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

bool sk_chaos_hits(unsigned n) { return state && draw() % n == 0; }

size_t sk_chaos_short(size_t n) { return n > 1 && sk_chaos_hits(2) ? 1 + (size_t)(draw() % n) : n; }

/* As the current task is cancelled in earnest: main by a signal, where one is caught. */
static void cancel(void) {
    struct sigaction action;
    bool is_caught = sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
    if (is_caught && sk_current() == sk_task_main())
        raise(SIGINT);
    else
        sk_cancel(sk_current());
}

void sk_chaos_wait(void) {
    if (!sk_chaos_hits(4))
        return;
    if (cancels && !sk_canceled() && sk_chaos_hits(4))
        cancel();
    if (sk_chaos_hits(8))
        nanosleep(&(struct timespec){ .tv_nsec = (long)(draw() % 300000) }, NULL);
    for (uint64_t n = draw() % 3; n > 0; n--)
        sk_yield();
}

#endif
