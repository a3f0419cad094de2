"""What tests share: small games, clients, servers, and clocks of their own."""
