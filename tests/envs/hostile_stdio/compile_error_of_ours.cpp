// A message that looks like a verdict.
// expect: CE
#error "AC accepted exit status 0"
