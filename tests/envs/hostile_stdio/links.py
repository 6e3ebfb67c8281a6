# Links and names that lead out, for whoever reads the folder after it.
# expect: AC
import os

folder, secret, port, abstract, pid = input().split()
found = []
for number, target in enumerate((folder, secret, "/", "/etc/shadow", "../../../../../../../..", "/proc/1/root")):
    os.symlink(target, f"link{number}")
    for path in (f"link{number}", f"link{number}/secret", f"link{number}{secret}"):
        try:
            if open(path).read() == "secret":
                found.append(path)
        except OSError:
            pass
        try:
            with open(path, "w") as file:
                file.write("changed")
        except OSError:
            pass
try:
    os.link(secret, "hard")
    found.append("hard link")
except OSError:
    pass
os.mkfifo("pipe")
os.makedirs("/".join(["deep"] * 200))
os.replace(__file__, "moved")
os.rmdir("/".join(["deep"] * 200))
print(*found or ["nothing"])
