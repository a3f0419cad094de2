"""Programs that tests run beside themselves: one that dies fails its test."""

from __future__ import annotations

import pytest

from tests.system.servers import STOP_DEADLINE_S, running_module


def outlive_a_program(failure: Exception | None) -> None:
    with running_module("json.tool", "no-such-file") as process:
        process.wait(STOP_DEADLINE_S)
        if failure is not None:
            raise failure


def test_a_program_that_dies_fails_its_test_with_its_last_words() -> None:
    with pytest.raises(AssertionError, match=r"json\.tool ended with exit code 2") as caught:
        outlive_a_program(None)
    assert "no-such-file" in "".join(caught.value.__notes__)


def test_every_failure_of_a_test_tells_what_the_program_printed() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        outlive_a_program(ZeroDivisionError())
    assert "no-such-file" in "".join(caught.value.__notes__)


def test_a_program_is_stopped_at_the_end() -> None:
    with running_module("http.server", "0", "--bind", "127.0.0.1") as process:
        assert process.poll() is None
    assert process.returncode is not None
