"""A stand-in for a Determined master, its agents and their exporters.

Faithful to Determined 0.38.1, its documented flaws included, because the receiver and the
rules must survive exactly those.
"""
