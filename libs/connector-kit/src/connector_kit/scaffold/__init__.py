"""Creates the folder of a new bridge from a description of its register."""
