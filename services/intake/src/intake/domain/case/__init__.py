"""A case: the events of its history, its state rebuilt from them, and the decisions that add events."""
