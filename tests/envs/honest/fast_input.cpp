// Reads by fread in one piece and writes by putchar.
#include <cstdio>

static char buffer[1 << 22];

int main() {
    size_t size = fread(buffer, 1, sizeof buffer, stdin);
    long long total = 0, value = 0, sign = 1, first = 1;
    bool inside = false;
    for (size_t i = 0; i <= size; i++) {
        char c = i < size ? buffer[i] : ' ';
        if (c == '-') sign = -1, inside = true;
        else if (c >= '0' && c <= '9') value = value * 10 + c - '0', inside = true;
        else if (inside) {
            total += first ? 0 : sign * value;
            first = value = 0, sign = 1, inside = false;
        }
    }
    char digits[32];
    int length = sprintf(digits, "%lld", total);
    for (int i = 0; i < length; i++) putchar(digits[i]);
}
