"""Which version this is, for whoever writes it into a file: the package itself is the library, and imports it all."""

__version__ = "0.1.0"
