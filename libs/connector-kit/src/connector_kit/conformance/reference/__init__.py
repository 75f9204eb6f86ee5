"""Two small bridges that pass every check, for mutants to bend."""
