"""Who gets pages, and in which form: one file for each service's format, which is pure, and two ways to send it."""
