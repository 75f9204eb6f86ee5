"""Loads the catalogue files: one YAML file per service, one folder per authority."""
