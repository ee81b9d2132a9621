from __future__ import annotations

from pathlib import Path
from struct import pack

import numpy as np
import pytest

from ccserver.media import g711
from ccserver.media.wav import BadPrompt, Library, parse

MU_LAW = bytes(range(256))


def test_mu_law_is_taken_as_it_is():
    sound = parse(wav(MU_LAW, encoding=7, bits=8))

    assert sound.pcmu == MU_LAW
    assert sound.pcma == g711.translate(MU_LAW, "PCMU", "PCMA")


def test_a_law_is_taken_as_it_is():
    sound = parse(wav(MU_LAW, encoding=6, bits=8))

    assert sound.pcma == MU_LAW
    assert sound.of("PCMU") == g711.translate(MU_LAW, "PCMA", "PCMU")


def test_linear_samples_are_encoded_in_both_laws():
    linear = pack("<3h", 0, 1000, -32768)

    sound = parse(wav(linear))

    assert len(sound) == 3
    assert sound.pcma == g711.encode("PCMA", linear)


def test_other_chunks_are_passed_over():
    extra = b"LIST" + pack("<I", 3) + b"abc\0"

    assert len(parse(wav(bytes(8), extra=extra))) == 4


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"RIFF\4\0\0\0WAVE", id="no chunk"),
        pytest.param(b"OggS" + bytes(60), id="another format"),
        pytest.param(b"RIFF" + pack("<I", 0) + b"WAVE" + bytes(40), id="RIFF size 0"),
        pytest.param(b"RIFF" + pack("<I", 2**32 - 1) + b"WAVE" + bytes(40), id="RIFF size -1"),
        pytest.param(b"RIFF" + pack("<I", 48) + b"WAVE" + bytes(40), id="RIFF size too large"),
    ],
)
def test_m18_what_is_no_wav_file_is_refused(data: bytes):
    with pytest.raises(BadPrompt):
        parse(data)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"size": 2**32 - 1}, id="data size -1"),
        pytest.param({"size": 0}, id="no data"),
        pytest.param({"encoding": 3}, id="floating point"),
        pytest.param({"encoding": 85}, id="MP3"),
        pytest.param({"channels": 2}, id="stereo"),
        pytest.param({"rate": 16000}, id="16 kHz"),
        pytest.param({"bits": 8}, id="8 bit linear"),
        pytest.param({"extra": b"junk" + pack("<I", 2**32 - 1)}, id="a chunk of 4 GB"),
    ],
)
def test_m18_another_form_is_refused(form: dict[str, int]):
    with pytest.raises(BadPrompt):
        parse(wav(bytes(160), **form))


def test_m18_data_before_the_format_is_refused():
    with pytest.raises(BadPrompt, match="format before"):
        parse(b"RIFF" + pack("<I", 14) + b"WAVE" + b"data" + pack("<I", 2) + b"ab")


def test_m18_ten_hours_are_refused_unread(tmp_path: Path):
    with (tmp_path / "long.wav").open("wb") as file:
        file.truncate(10 * 3600 * 16_000)

    with pytest.raises(BadPrompt, match="at most 600 seconds"):
        Library(tmp_path).load("long.wav")


@pytest.mark.parametrize(
    "name", ["../secret.wav", "sub/../../secret.wav", "link.wav", "way/secret.wav", "", ".", "a\0b"]
)
def test_m18_nothing_outside_the_directory_is_played(tmp_path: Path, name: str):
    (tmp_path / "secret.wav").write_bytes(wav(bytes(160)))
    prompts = tmp_path / "prompts"
    (prompts / "sub").mkdir(parents=True)
    (prompts / "link.wav").symlink_to(tmp_path / "secret.wav")
    (prompts / "way").symlink_to(tmp_path)

    with pytest.raises(BadPrompt):
        Library(prompts).load(name)


def test_m18_an_absolute_name_is_refused(tmp_path: Path):
    (tmp_path / "secret.wav").write_bytes(wav(bytes(160)))
    (tmp_path / "prompts").mkdir()

    with pytest.raises(BadPrompt):
        Library(tmp_path / "prompts").load(str(tmp_path / "secret.wav"))


def test_a_missing_file_is_named_in_the_error(tmp_path: Path):
    with pytest.raises(BadPrompt, match=r"'hello\.wav'.*No such file"):
        Library(tmp_path).load("hello.wav")


def test_a_prompt_is_read_once_and_again_when_it_changes(tmp_path: Path):
    library = Library(tmp_path)
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "hello.wav"
    file.write_bytes(wav(bytes(160)))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")

    assert library.preload() == 1
    first = library.load("sub/hello.wav")
    assert library.load("sub/hello.wav") is first
    file.write_bytes(wav(bytes(320)))
    assert len(library.load("sub/hello.wav")) == 160


def test_the_prompts_of_the_demonstration_can_be_played():
    directory = Path(__file__).parents[3] / "config" / "prompts"
    library = Library(directory)

    for name in ("greeting.wav", "music.wav", "confirm.wav", "error.wav", "sorry.wav"):
        assert len(library.load(name)) > 1000


def test_the_music_is_as_loud_where_it_begins_again_as_anywhere():
    """It is played in a loop, and a dip there is heard by all who wait, again and again."""
    prompts = Path(__file__).parents[3] / "config" / "prompts"
    codes = Library(prompts).load("music.wav").pcmu
    samples = np.frombuffer(g711.decode("PCMU", codes + codes), np.int16).astype(float)
    loudness = np.sqrt((samples.reshape(-1, 400) ** 2).mean(axis=1))  # of 50 ms each
    seam = len(codes) // 400

    assert loudness[seam - 3 : seam + 3].min() > 0.95 * np.percentile(loudness, 2)


def wav(
    data: bytes,
    *,
    encoding: int = 1,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 16,
    extra: bytes = b"",
    size: int | None = None,
) -> bytes:
    form = pack("<HHIIHH", encoding, channels, rate, rate * bits // 8, bits // 8, bits)
    chunks = b"WAVE" + b"fmt " + pack("<I", len(form)) + form + extra
    chunks += b"data" + pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + pack("<I", len(chunks)) + chunks
