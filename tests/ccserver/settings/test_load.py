from __future__ import annotations

from pathlib import Path

import pytest

from ccserver.settings import ConfigurationError, Loaded, load

DEMONSTRATION = Path("config/ccserver.toml")

SMALL = """\
[media]
prompts = "."

[[agents]]
id = "7"
secret = "s3cr3t-of-7"
skills = { english = 5 }

[[queues]]
name = "support"
requirements = { english = 1 }
music = "music.wav"

[[entry_points]]
name = "support"
numbers = ["2001"]
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("greeting.wav", "music.wav", "ringback.wav"):
        (tmp_path / name).touch()
    return tmp_path


def test_the_demonstration_centre_is_the_one_that_other_tools_rely_on():
    loaded = load(DEMONSTRATION)

    settings = loaded.settings
    assert loaded.warnings == ()
    assert settings.sip.listen == ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
    assert (settings.sip.realm, settings.data.dir) == ("ccserver", "var")
    assert (settings.metrics.listen, settings.web.listen) == ("127.0.0.1:9464", "127.0.0.1:8080")
    assert settings.media.ports == "20000-29999"
    assert {agent.id: agent.secret.get_secret_value() for agent in settings.agents} == {
        str(number): f"secret-{number}" for number in range(1001, 1009)
    }
    assert {agent.sign_in for agent in settings.agents} == {"on_register"}
    assert {"english", "spanish", "billing"} == set(settings.agents[0].skills)
    assert [queue.name for queue in settings.queues] == ["support", "sales", "spanish"]
    assert [(entry.name, entry.numbers) for entry in settings.entry_points] == [
        ("support", ["2001"]),
        ("sales", ["2002"]),
        ("spanish", ["2003"]),
    ]
    assert [trunk.from_ for trunk in settings.trunks] == [["127.0.0.1"]]


def test_every_queue_of_the_demonstration_has_several_agents():
    settings = load(DEMONSTRATION).settings

    for queue in settings.queues:
        able = [
            agent
            for agent in settings.agents
            if all(agent.skills.get(s, 0) >= p for s, p in queue.requirements.items())
        ]
        assert len(able) >= 3, queue.name


def test_all_errors_are_said_at_once_each_with_its_line(directory: Path):
    text = SMALL.replace("skills = { english = 5 }", "skills = { english = 50 }")
    text = text.replace('numbers = ["2001"]', 'numbers = ["2001"]\nflow = [{ queue = "nowhere" }]')
    text = text.replace("requirements = { english = 1 }", 'max_waiting = "x"')
    text += '\n[sip]\nlisten = [\n  "udp:127.0.0.1:5060",\n  "udp:5060",\n]\nrelm = "a"\n'

    problems = errors(directory, text)

    file = directory / "ccserver.toml"
    assert problems == [
        f"{file}:7: agents.0.skills.english: expected a whole number from 1 to 10, got 50",
        f'{file}:11: queues.0.max_waiting: expected a whole number of at least 1, got "x"',
        f"{file}:17: entry_points.0.flow.0.queue: expected the name of a queue (support), "
        'got "nowhere"',
        f'{file}:22: sip.listen.1: expected "udp:HOST:PORT" or "tcp:HOST:PORT" (IPv6 in brackets), '
        'got "udp:5060"',
        f"{file}:24: sip.relm: no such key: did you mean realm?",
    ]


def test_text_that_is_no_toml_is_named_with_its_line(directory: Path):
    problems = errors(directory, "[sip]\nrealm = \n")

    assert problems == [
        f"{directory / 'ccserver.toml'}:2: expected TOML: Invalid value (at line 2, column 9)"
    ]


def test_a_file_that_is_not_there_is_an_error_and_no_crash(directory: Path):
    with pytest.raises(ConfigurationError, match="expected a file that can be read: No such file"):
        load(directory / "missing.toml")


def test_bytes_that_are_no_text_are_an_error_and_no_crash(directory: Path):
    path = directory / "ccserver.toml"
    path.write_bytes(b'[sip]\nrealm = "\xff"\n')

    with pytest.raises(ConfigurationError, match="expected UTF-8: byte 15"):
        load(path)


@pytest.mark.parametrize(
    "change",
    [
        'agents.0={id="7", secret="hunter2", skils=3}',
        'agents=[{id="hunter 2", secret="hunter2"}, {secret="hunter2"}]',
        "agents=hunter2x",
        'agents.0.secret=["hunter2"]',
        "agents.0.secret.x=hunter2",
        'agents={secret="hunter2"}',
    ],
)
def test_no_refusal_shows_a_secret(directory: Path, change: str):
    problems = errors(directory, SMALL, change)

    shown = "\n".join(problems).replace('"hunter 2"', "").replace("hunter2x", "")
    assert problems
    assert "hunter2" not in shown


def test_what_is_shown_of_good_settings_holds_no_secret(directory: Path):
    assert "s3cr3t" not in repr(loaded(directory, SMALL))


def test_the_command_line_outdoes_the_environment_and_that_the_file(directory: Path):
    text = SMALL + '\n[sip]\nrealm = "file"\nmax_bindings = 1\nnonce_seconds = 1\n'
    environ = {"CCSERVER_SIP__REALM": "environment", "CCSERVER_SIP__MAX_BINDINGS": "2"}

    sip = loaded(directory, text, "sip.realm=command", environ=environ).settings.sip

    assert (sip.realm, sip.max_bindings, sip.nonce_seconds) == ("command", 2, 1)


def test_an_error_in_the_environment_is_named_by_its_variable(directory: Path):
    problems = errors(directory, SMALL, environ={"CCSERVER_SIP__MAX_BINDINGS": "11"})

    assert problems == [
        "CCSERVER_SIP__MAX_BINDINGS: sip.max_bindings: expected a whole number from 1 to 10, got 11"
    ]


def test_an_error_on_the_command_line_is_named_so(directory: Path):
    problems = errors(directory, SMALL, "nonsense", "sip.nothing=1", "queues.sales.music=a.wav")

    assert problems == [
        "--set: nonsense: expected KEY=VALUE",
        "--set: sip.nothing: no such key",
        "--set: queues.sales.music: expected the name of an element, or a number below 1, "
        'got "sales"',
    ]


def test_a_queue_that_nobody_can_serve_is_a_warning(directory: Path):
    text = SMALL.replace("requirements = { english = 1 }", "requirements = { french = 1 }")

    warnings = loaded(directory, text).warnings

    assert [str(warning) for warning in warnings] == [
        f"{directory / 'ccserver.toml'}:11: queues.0.requirements.french: "
        'expected a skill that some agent has (english), got "french"',
        f"{directory / 'ccserver.toml'}:11: queues.0.requirements: "
        "expected skills that some agent has: nobody will answer",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("metrics.listen=127.0.0.1:8080", "web.listen: expected ports of its own"),
        ("metrics.listen=127.0.0.1:5060", "metrics.listen: expected ports of its own"),
        ("sip.listen=udp:[::1]:5060,udp:[::]:5060", "sip.listen.1: expected ports of its own"),
        ("media.ports=5000-6000", "media.ports: expected ports of its own"),
        ("media.ports=6000-5000", 'media.ports: expected "FIRST-LAST"'),
        ("media.ports=20000-20001", 'media.ports: expected "FIRST-LAST"'),
        ("media.listen=phones", "media.listen.0: expected an IP address of this machine, or the"),
        ("media.listen=0.0.0.0", "expected media.advertise to have an address of IPv4, for"),
        ("media.listen=127.0.0.1,::", "expected media.advertise to have an address of IPv6, for"),
        ("media.listen=127.0.0.1,127.0.0.2", "expected at most one address of IPv4, got"),
        ("media.listen=[]", "media.listen: expected a list of at least one of an IP address"),
        ("media.advertise=::1", "expected media.listen to have an address of IPv6 too"),
        ("media.advertise=0.0.0.0", "expected an IP address that phones can send to, no wildcard"),
        ("media.prompts=nowhere", "media.prompts: expected a directory"),
        ("queues.0.music=lost.wav", "queues.0.music: expected a file in"),
        ("queues.0.music=../music.wav", "queues.0.music: expected a file in"),
        (
            "entry_points.0.numbers=7",
            'entry_points.0.numbers.0: expected a number of its own, but "7" is agent',
        ),
        ("entry_points.0.numbers=*51", "is feature_codes.available"),
        ("entry_points.0.numbers=*523", "is feature_codes.idle"),
        ("entry_points.0.name=sales", 'expected a flow, for there is no queue "sales"'),
        ("entry_points.0.flow=[{answer=true}]", "expected a queue as the last step"),
        ('entry_points.0.flow=[{play="music.wav", queue="support"}]', "got play and queue"),
        ("entry_points.0.flow=[{}]", "expected exactly one of answer, play and queue, got none"),
        (
            'queues=[{name="support"},{name="support"}]',
            'queues.1: expected each one once, got "support"',
        ),
        (
            'agents=[{id="1",secret="a"},{id="1",secret="b"}]',
            'agents.1: expected each one once, got "1"',
        ),
        (
            'trunks=[{name="t",from=["10.0.0.0/8"],entry_points=["sales"]}]',
            "name of an entry point (support)",
        ),
        (
            'trunks=[{name="t",from=["10.0.0.1/8"]}]',
            "trunks.0.from.0: expected an IP address or a network",
        ),
        (
            "idle_codes=break,rona",
            "idle_codes.1: expected a code that the server does not set itself",
        ),
        (
            'wrap_up_names={siesta="Asleep"}',
            "wrap_up_names.siesta: expected a code of wrap_up_codes (call-back, resolved",
        ),
        ("feature_codes.sign_out=*51", "feature_codes.sign_out: expected a code of its own"),
        ("feature_codes.sign_out=*521", "feature_codes.sign_out: expected a code that is not"),
        ("sip.min_expires_seconds=4000", "sip.min_expires_seconds: expected at most"),
        (
            "sip.default_expires_seconds=30",
            "sip.default_expires_seconds: expected a number from 60",
        ),
        ("routing.rona_seconds=nan", "routing.rona_seconds: expected a number above 0"),
        (
            "log.level=loud",
            'log.level: expected "debug" or "info" or "warning" or "error", got "loud"',
        ),
        ("drain.seconds=true", "drain.seconds: expected a number from 0 to 604800, got true"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(directory: Path, change: str, said: str):
    (problem,) = errors(directory, SMALL, change)

    assert said in problem


def test_each_media_process_needs_ports_of_its_own(directory: Path):
    changes = ("media.ports=20001-20006", "media.processes=3")

    (problem,) = errors(directory, SMALL, *changes)

    assert "media.ports: expected two ports for each of 3 media.processes, got" in problem
    assert loaded(directory, SMALL, changes[0], "media.processes=2")


def test_a_queue_that_lets_customers_go_needs_the_prompt_that_says_so(directory: Path):
    (problem,) = errors(directory, SMALL, "queues.support.max_waiting=3")
    changes = ("queues.support.max_waiting=3", "queues.support.overflow_prompt=")

    assert "queues.0.overflow_prompt: expected a file in" in problem
    assert loaded(directory, SMALL, *changes).settings.queues[0].overflow_prompt is None


def test_ports_that_the_system_chooses_do_not_collide(directory: Path):
    assert loaded(directory, SMALL, "sip.listen=tcp:127.0.0.1:0", "metrics.listen=127.0.0.1:0")


def test_a_wrong_name_does_not_make_what_refers_to_it_wrong_as_well(directory: Path):
    (problem,) = errors(directory, SMALL, "queues.0.name=not a name")

    assert "queues.0.name: expected a name" in problem


def loaded(
    directory: Path, text: str, *changes: str, environ: dict[str, str] | None = None
) -> Loaded:
    path = directory / "ccserver.toml"
    path.write_text(text)
    return load(path, changes, environ)


def errors(
    directory: Path, text: str, *changes: str, environ: dict[str, str] | None = None
) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(directory, text, *changes, environ=environ)
    return [str(problem) for problem in caught.value.problems]
