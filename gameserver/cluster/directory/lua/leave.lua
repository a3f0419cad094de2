-- Forget a node; its rooms are then dead, and renewals of others clear them away.
-- ARGV: lease, node.

begin(false)

forget_node(ARGV[2])
return 1
