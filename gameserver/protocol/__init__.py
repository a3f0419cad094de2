"""What is on the wire, as pure functions of bytes: see README.md beside this file."""
