// Needs no CPU time at all, and closes what it could be seen by.
// expect: TLE
// wall: yes
#include <unistd.h>

int main() {
    for (int descriptor = 0; descriptor < 1024; descriptor++) close(descriptor);
    for (;;) pause();
}
