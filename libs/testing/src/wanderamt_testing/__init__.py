"""Test support with types: what the tests of several packages share. No package that is shipped imports it."""
