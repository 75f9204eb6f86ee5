"""An operator of a mobile network over SMPP 3.4: many messages over one connection."""
