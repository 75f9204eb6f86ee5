"""Solves the tour model: the team orienteering problem with days, time windows and durations."""
