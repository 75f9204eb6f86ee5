"""Reference bridges: they pass all checks, and the mutants are made from them."""
