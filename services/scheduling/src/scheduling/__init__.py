"""Where and when the administration comes to the citizens, with whom and with what."""
