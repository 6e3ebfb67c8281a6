// Four children hold what one process may. The program itself ends well.
// expect: MLE
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

int main() {
    int held[2], wait_for[2];
    char byte;
    if (pipe(held) || pipe(wait_for)) return 1;
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            close(wait_for[1]);
            volatile char *block = static_cast<char *>(malloc(48 << 20));
            for (int at = 0; at < 48 << 20; at += 4096) block[at] = 1;
            close(held[1]);
            _exit(read(wait_for[0], &byte, 1) != 0);
        }
    close(held[1]);
    if (read(held[0], &byte, 1)) return 1; // ends when each child holds its part, or has been killed
    usleep(500000);
    close(wait_for[1]);
    while (wait(nullptr) > 0) {}
    puts("nothing");
}
