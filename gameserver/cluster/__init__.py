"""More than one process: nodes of one host, hosts, and the rooms and sockets that move between."""
