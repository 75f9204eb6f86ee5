"""The residents register: SOAP behind a portal that wants a PVP token. The body is invented, see residents.wsdl."""

from registry_bridge.bridges.residents.bridge import ResidentsRegister

__all__ = ["ResidentsRegister"]
