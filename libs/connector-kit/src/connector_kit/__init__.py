"""Toolkit for bridges to registers and message providers."""
