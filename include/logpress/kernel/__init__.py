"""Compiling and caching of kernels, and the words that they load and store."""
