// Fails after main has returned well.
// expect: RTE
#include <cstdio>
#include <cstdlib>

int main() {
    puts("nothing");
    fflush(stdout);
    atexit([] { abort(); });
}
