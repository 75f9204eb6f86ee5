"""The demo: a recorded morning at a market stand, played through the whole system."""
