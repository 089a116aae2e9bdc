"""Around a framework's call: find the frameworks, patch them, decide which run a call belongs to."""
