// Threads without end.
// expect: AC
#include <cstdio>
#include <pthread.h>
#include <unistd.h>

void *wait_for_ever(void *) {
    for (;;) pause();
}

int main() {
    pthread_t thread;
    int made = 0;
    while (made < 10000 && pthread_create(&thread, nullptr, wait_for_ever, nullptr) == 0) made++;
    puts(made < 100 ? "nothing" : "threads");
    fflush(stdout);
    _exit(0);
}
