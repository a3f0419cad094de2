"""The study that compares the lab's model of TCP under loss with the kernel's TCP."""
