// Works between the ticks of the clock and yields before each one.
// expect: TLE
#include <sched.h>
#include <time.h>

static long long now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main() {
    for (;;) {
        for (long long until = now() + 700000; now() < until;) {}
        sched_yield();
        timespec nap = {0, 100000};
        nanosleep(&nap, nullptr);
    }
}
