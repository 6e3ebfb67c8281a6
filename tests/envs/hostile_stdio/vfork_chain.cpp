// Becomes another process again and again, so that none lives long enough to be looked at.
// expect: TLE
#include <unistd.h>

int main() {
    if (fork() > 0)
        for (;;) pause();
    for (;;) {
        for (volatile int i = 0; i < 3000000; i++) {}
        if (fork() > 0) _exit(0);
        setsid();
    }
}
