"""Test support: each module stands in for one thing outside of the code under test."""
