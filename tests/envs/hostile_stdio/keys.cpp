// Keys and message queues that outlive it.
// expect: AC
// twice: yes
#include <cstdio>
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main() {
    bool found = shmget(0xA1FA, 0, 0) >= 0 || semget(0xA1FB, 0, 0) >= 0 || msgget(0xA1FC, 0) >= 0;
    found |= shm_open("/alphadial-cpp", O_RDONLY, 0) >= 0;
    found |= syscall(SYS_request_key, "user", "alphadial", nullptr, -4) > 0;
    shmget(0xA1FA, 1 << 16, IPC_CREAT | 0666);
    semget(0xA1FB, 1, IPC_CREAT | 0666);
    msgget(0xA1FC, IPC_CREAT | 0666);
    shm_open("/alphadial-cpp", O_CREAT | O_RDWR, 0666);
    syscall(SYS_add_key, "user", "alphadial", "x", 1, -4);
    puts(found ? "a note" : "nothing");
}
