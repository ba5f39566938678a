"""For clients of what listens here without encryption."""

import ssl

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. Otherwise each client of httpx reads the certificates of the whole world first,
which takes longer than most tests, for a connection that shows none.
"""
