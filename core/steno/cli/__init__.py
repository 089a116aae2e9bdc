"""The command `steno`."""
