"""What a notebook shows after a cell that trained something."""
