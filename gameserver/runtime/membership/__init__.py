"""The membership of this server in a cluster: one node among those that share a directory.

``joining.py`` opens the directory of the settings and makes the rest.  ``member.py`` holds the
node's lease and lists its rooms, and ``listing.py`` makes the listings.  ``router.py`` decides
where a player plays, ``tickets.py`` signs what it takes along, and ``seals.py`` what nodes list.
``remote_seats.py`` reserves seats on nodes of other hosts; ``cluster_rooms.py`` answers ``/rooms``
for all of them.
"""
