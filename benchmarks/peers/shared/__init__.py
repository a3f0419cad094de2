"""The simulated field, which several peers share."""
