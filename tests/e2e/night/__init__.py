"""One night, which the tests in here share. (A package, so that pytest ends it with the last.)"""
