"""What is written down: the fluent API, the client, the recorder and its journal."""
