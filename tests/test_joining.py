"""``check_password``, for rooms that let in only those who know one."""

from __future__ import annotations

import pytest

from gameserver import CloseCode, JoinRefused, check_password


@pytest.mark.parametrize("password", ["", "swordfish", "schlüssel"])
def test_the_right_password_is_let_in(password: str) -> None:
    check_password(password, password)


@pytest.mark.parametrize("given", ["", "swordfis", "Swordfish", "schlüssel"])
def test_any_other_is_refused(given: str) -> None:
    with pytest.raises(JoinRefused, match=r"^that is not the password$") as refused:
        check_password(given, "swordfish")
    assert refused.value.code == CloseCode.REFUSED
