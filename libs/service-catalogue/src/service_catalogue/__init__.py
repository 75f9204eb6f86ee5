"""The catalogue of an authority's services: the YAML files that ship, their shared models, and their only reader."""
