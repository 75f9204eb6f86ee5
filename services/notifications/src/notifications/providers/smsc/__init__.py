"""The SMS centre of a mobile network operator, over SMPP 3.4: many messages over one connection."""
