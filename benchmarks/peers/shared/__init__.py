"""What several peers share: the simulated field."""
