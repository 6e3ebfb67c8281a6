# Leaves an answer in every file that somebody might read instead of stdout, and says nothing.
# expect: WA
import os

os.makedirs("feedback")
for name in ("output", "stdout", "answer", "out", "judgemessage.txt", "feedback/judgemessage.txt", "/tmp/output"):
    with open(name, "w") as file:
        file.write("nothing\n")
