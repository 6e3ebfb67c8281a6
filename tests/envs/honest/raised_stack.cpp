// Raises its stack limit and starts anew, as some contest templates do.
#include <cstdio>
#include <sys/resource.h>
#include <unistd.h>

int main(int count, char **words) {
    rlimit stack;
    getrlimit(RLIMIT_STACK, &stack);
    if (count == 1 && (stack.rlim_max == RLIM_INFINITY || stack.rlim_max >= (128 << 20))) {
        stack.rlim_cur = 128 << 20;
        char again[] = "again", *arguments[] = {words[0], again, nullptr};
        if (setrlimit(RLIMIT_STACK, &stack) == 0) execv(words[0], arguments);
    }
    int n;
    long long total = 0, x;
    if (scanf("%d", &n) != 1) return 1;
    while (scanf("%lld", &x) == 1) total += x;
    printf("%lld\n", total);
}
