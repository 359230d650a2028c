"""One command a file: options and output; the work is done elsewhere."""
