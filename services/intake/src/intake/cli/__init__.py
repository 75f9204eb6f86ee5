"""Commands for operators, for the domain experts who write the catalogue, and to verify documents."""
