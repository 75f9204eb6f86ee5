"""Makes the folder of a new bridge from what describes its register."""
