"""The tests, laid out as what they test; ``support`` holds what they share."""
