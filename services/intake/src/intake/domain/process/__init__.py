"""The case process: what happened to a case, the case as the fold of it, and the decisions that add to it."""
