"""Part files to records in order, in bounded memory."""
