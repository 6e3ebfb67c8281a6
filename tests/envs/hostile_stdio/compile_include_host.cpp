// Lets the compiler read what the program cannot, and show it in a message.
// expect: CE
#include "/etc/shadow"
#include "/proc/1/environ"
int main() {}
