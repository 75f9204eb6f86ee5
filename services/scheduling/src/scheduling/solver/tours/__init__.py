"""Tours: the team orienteering problem with days, windows and durations."""
