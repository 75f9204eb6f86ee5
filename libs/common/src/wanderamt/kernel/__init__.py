"""Types that every module may use. Pure: no clock, no operating system, no randomness."""
