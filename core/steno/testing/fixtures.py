"""The pytest plugin: fixtures for tests of integrations. It defines fixtures and does nothing by itself."""
