"""Commands for the operators of intake, for domain experts, and for whoever holds a paper in hand."""
