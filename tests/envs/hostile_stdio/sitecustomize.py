# Leaves start-up code for the next interpreter, wherever one would look.
# expect: AC
# twice: yes
import builtins
import os
import site
import sys

found = ["the last program's code ran"] if hasattr(builtins, "planted") else []
code = "import builtins\nbuiltins.planted = True\n"
places = [*sys.path, *site.getsitepackages(), site.getusersitepackages(), os.getcwd(), sys.prefix, "/tmp", "/opt/bin"]
for folder in {place for place in places if place}:
    for name in ("sitecustomize.py", "usercustomize.py", "planted.pth", "json.py"):
        try:
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, name)
            if os.path.exists(path) and name != "json.py" and not path.startswith("/usr/lib"):
                if open(path).read() == code and path != __file__:
                    found.append(path)
            if path != os.path.abspath(__file__):
                with open(path, "w") as file:
                    file.write(code)
        except OSError:
            pass
for name in ("/usr/bin/python3", "/opt/bin/python3", "/usr/lib/python3.11/os.py", "/etc/ld.so.preload", "/etc/passwd"):
    try:
        open(name, "a").close()
        found.append(name)
    except OSError:
        pass
print(*found or ["nothing"])
