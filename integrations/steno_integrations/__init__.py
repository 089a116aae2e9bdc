"""The integrations that ship with steno. Entry points import them; users never do."""
