"""The backbone beside its bare version, in one run."""
