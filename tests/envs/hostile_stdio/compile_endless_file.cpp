// Lets the assembler read a file that has no end.
// expect: CE
asm(".incbin \"/dev/zero\"");
int main() {}
