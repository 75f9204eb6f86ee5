"""Words every room may use. Keeps itself pure: no clock, no operating system, no chance."""
