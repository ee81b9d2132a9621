from __future__ import annotations

from pathlib import Path

import pytest

from ccserver.settings import load
from ccserver.supervisor.run import CannotStart, run
from tests.peers.server import DEMONSTRATION


def test_a_data_directory_that_cannot_be_written_is_named_with_its_key(tmp_path: Path):
    taken = tmp_path / "taken"
    taken.write_text("")
    loaded = load(DEMONSTRATION, [f"data.dir={taken / 'data'}"], {})

    with pytest.raises(CannotStart) as refused:
        run(DEMONSTRATION, [], loaded, {})

    expected = f"data.dir: expected a directory that can be written, got {taken / 'data'}"
    assert str(refused.value) == f"{expected}: Not a directory"
