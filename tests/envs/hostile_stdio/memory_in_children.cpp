// Four children hold what one process may. The program itself ends well.
// expect: MLE
// fills: memory
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

int main() {
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            volatile char *block = static_cast<char *>(malloc(48 << 20));
            for (int at = 0; at < 48 << 20; at += 4096) block[at] = 1;
            usleep(500000);
            _exit(0);
        }
    while (wait(nullptr) > 0) {}
    puts("nothing");
}
