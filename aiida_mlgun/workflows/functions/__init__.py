"""Calcfunctions: small steps between jobs, each a new node with its provenance."""
