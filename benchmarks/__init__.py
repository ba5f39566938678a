"""Measurements of the product on generated clusters: slow, and no part of the tests."""
