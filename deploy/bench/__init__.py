"""Measurements that a person can repeat: each beside something known, in one run, on one machine."""
