"""What a plugin's author tests with: the kit that our own integrations are tested with."""
