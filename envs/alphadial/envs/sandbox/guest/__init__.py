"""What runs inside the sandbox: the standard library alone, on an interpreter that may not be the judge's."""
