// CPU time in threads, while the first one sleeps.
// expect: TLE
#include <pthread.h>
#include <unistd.h>

void *burn(void *) {
    for (;;) {}
}

int main() {
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        pthread_create(&thread, nullptr, burn, nullptr);
    }
    for (;;) pause();
}
