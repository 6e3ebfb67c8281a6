# Turns the kernel's knobs.
# expect: AC
# gvisor: WA /proc/self/oom_score_adj /proc/1/oom_score_adj
# Figures that only its own kernel keeps.
import os

found = []
knobs = {
    "/proc/sys/kernel/core_pattern": "|/tmp/x",
    "/proc/sys/kernel/hostname": "x",
    "/proc/sys/vm/overcommit_memory": "1",
    "/proc/sysrq-trigger": "h",
    "/proc/self/oom_score_adj": "-1000",
    "/proc/1/oom_score_adj": "-1000",
    "/proc/self/uid_map": "0 0 1",
    "/sys/kernel/uevent_helper": "/tmp/x",
    "/sys/power/state": "mem",
}
for path, value in knobs.items():
    try:
        with open(path, "w") as file:
            file.write(value)
        if open(path).read().strip() == value:
            found.append(path)
    except (OSError, ValueError):
        pass
print(*found or ["nothing"])
