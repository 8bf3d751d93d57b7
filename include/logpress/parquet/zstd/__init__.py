"""Zstandard frames of numbers (RFC 8878): matches, Huffman and FSE codes, as kernels."""
