"""The domain of intake: pure decisions, no I/O."""
