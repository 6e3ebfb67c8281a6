// Lets the assembler read it.
// expect: CE
asm(".incbin \"/etc/shadow\"");
int main() {}
