"""The operator's side of a server: actions, the audit log, the admin port, the monitor room."""
