"""SMPP 3.4: how operators of mobile networks take many short messages over one connection."""
