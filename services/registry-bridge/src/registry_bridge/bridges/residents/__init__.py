"""The residents register: SOAP behind a portal that wants a PVP token. The body is invented, see residents.wsdl."""
