"""`logpress lake`: what the owner of a lake does with all of it, one file a verb, in `group.py` in their order."""
