"""Exchange of files with a register: what to transfer next, and how to read what arrived."""
