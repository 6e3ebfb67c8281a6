/* Jumps out of a signal handler, and prints by vfprintf. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static sigjmp_buf back;

static void handler(int number) { siglongjmp(back, number); }

static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stdout, format, arguments);
    va_end(arguments);
}

int main(void) {
    long n;
    long long total = 0, x;
    signal(SIGFPE, handler);
    if (sigsetjmp(back, 1) == 0) raise(SIGFPE);
    if (scanf("%ld", &n) != 1) return 1;
    while (scanf("%lld", &x) == 1) total += x;
    say("%lld\n", total);
    return EXIT_SUCCESS;
}
