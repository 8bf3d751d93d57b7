"""How kernels are compiled and kept, and the words that they load and store."""
