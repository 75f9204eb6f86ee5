"""Solves the coverage model: which sites to visit on which days."""
