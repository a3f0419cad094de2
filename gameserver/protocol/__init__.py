"""The protocol as pure functions of bytes; README.md beside this file defines it."""
