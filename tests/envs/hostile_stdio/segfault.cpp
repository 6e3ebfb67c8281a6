// Writes where nothing is, after the right answer.
// expect: RTE
#include <cstdio>

int main() {
    puts("nothing");
    fflush(stdout);
    *(volatile int *)8 = 1;
}
