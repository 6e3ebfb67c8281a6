# One large piece.
# expect: MLE
x = bytearray(b"x") * (400 << 20)
print("nothing")
