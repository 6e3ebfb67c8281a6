// A program larger than may be kept.
// expect: CE
char giant[192 << 20] = {1};
int main() { return giant[5]; }
