"""The records of an entity, such as a user, in the order of time, whatever days and parts they are in."""
