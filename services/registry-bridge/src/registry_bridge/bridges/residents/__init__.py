"""The residents register: SOAP behind a portal that requires a PVP token; the message body is invented."""
