"""Coverage: which places on which days."""
