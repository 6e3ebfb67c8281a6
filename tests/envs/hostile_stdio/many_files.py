# Uses up names rather than bytes.
# expect: AC
try:
    for number in range(300):
        open(f"f{number}", "w").close()
except OSError:
    pass
print("nothing")
