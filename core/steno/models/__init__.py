"""What was learned: the MLmodel folder, signatures, environments, one interface to every model."""
