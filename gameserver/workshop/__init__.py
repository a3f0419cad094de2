"""What ``gameserver dev`` has beside a server: code that is reloaded, pages that are always new."""
