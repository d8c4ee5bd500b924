"""The pytest plugin of the package."""
