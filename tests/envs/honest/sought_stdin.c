// Asks for the size of its input before it reads it, and reads it twice.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    if (fseek(stdin, 0, SEEK_END) != 0) return 1;
    long size = ftell(stdin);
    rewind(stdin);
    char *text = calloc(size + 1, 1), *at = text;
    if ((long)fread(text, 1, size, stdin) != size || !freopen("/dev/stdin", "r", stdin)) return 2;
    long n = strtol(at, &at, 10), again;
    if (scanf("%ld", &again) != 1 || again != n) return 3;
    long long total = 0;
    while (n--) total += strtoll(at, &at, 10);
    printf("%lld\n", total);
}
