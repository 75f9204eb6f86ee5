"""The electoral roll: voting cards for one coming election, each once and until the deadline. REST."""
