# One large piece.
# expect: MLE
# fills: memory
x = bytearray(b"x") * (400 << 20)
print("nothing")
