"""What is learned from many attempts: outcome tables, the frontier over alpha, and controllers compared."""
