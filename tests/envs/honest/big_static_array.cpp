// Claims a gigabyte and touches little of it.
#include <cstdio>

static long long table[128 << 20];

int main() {
    int n;
    long long total = 0;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 0; i < n; i++) {
        if (scanf("%lld", &table[i]) != 1) return 1;
        total += table[i];
    }
    printf("%lld\n", total);
}
