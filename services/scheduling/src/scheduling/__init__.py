"""Scheduling: places and times at which the administration comes to the citizens, and their appointments."""
