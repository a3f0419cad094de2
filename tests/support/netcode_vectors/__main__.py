"""Write all files of the vectors."""

from __future__ import annotations

from tests.support.netcode_vectors.files import FILES, contents, path_of, text_of

for name in FILES:
    path_of(name).write_text(text_of(contents(name)))
