"""Scheduling: where and when the administration comes to the citizens, and who comes when."""
