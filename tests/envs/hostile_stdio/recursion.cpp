// A stack without end: as deep as memory lasts.
// expect: MLE
// gvisor: RTE
// There it meets the end of the stack before that of memory.
#include <cstdio>

int deeper(volatile int *above) {
    volatile int here[64];
    here[0] = *above + 1;
    return deeper(here) + here[0];
}

int main() {
    volatile int zero = 0;
    printf("%d\n", deeper(&zero));
}
