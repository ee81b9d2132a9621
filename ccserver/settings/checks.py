"""What no single key can know: whether the settings fit each other and the machine's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

from actors.reasons import IdleCode
from ccserver.settings.finding import Finding, file_of, listed
from ccserver.settings.flow_checks import check_flow, reached_by_rules
from ccserver.settings.kinds import DatabaseUrl, database_url, host_port, port_range
from ccserver.settings.model import EntryPoint, Media, Queue, Settings
from ccserver.settings.positions import Key
from ccserver.settings.queue_checks import check_rules
from sip.transport.entry import parse_listen

GREETING = "greeting.wav"
"""What the default flow plays."""


def check(
    settings: Settings, prompts: Path, unsure: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """``unsure``: tables of which an element is wrong, so that a name not found proves nothing."""
    if not prompts.is_dir():
        yield Finding(("media", "prompts"), f"expected a directory, got {prompts}")
    for finding in file_of(("routing", "ringback"), prompts, settings.routing.ringback):
        yield Finding(finding.key, finding.text, fatal=False)  # a consult does without
    yield from _outbound(settings, prompts, "queues" in unsure)
    yield from _ports(settings)
    yield from _media(settings.media)
    yield from _expiry(settings)
    yield from _codes(settings)
    yield from _repeated("agents", [agent.id for agent in settings.agents])
    yield from _repeated("queues", [queue.name for queue in settings.queues])
    yield from _repeated("entry_points", [entry.name for entry in settings.entry_points])
    yield from _repeated("hours", [hours.name for hours in settings.hours])
    yield from _repeated("trunks", [trunk.name for trunk in settings.trunks])
    yield from _numbers(settings)
    queues = {queue.name for queue in settings.queues}
    for index, entry in enumerate(settings.entry_points):
        yield from _flow(("entry_points", index), entry, queues, prompts, "queues" in unsure)
    for index, queue in enumerate(settings.queues):
        yield from _queue(("queues", index), queue, settings, prompts, unsure)
    yield from check_flow(settings, prompts, unsure)
    if "entry_points" not in unsure:
        yield from _trunks(settings)
    yield from _dial_plan(settings, "trunks" in unsure)
    yield from _directory(settings, "agents" in unsure)
    yield from _accounts(settings, "agents" in unsure)
    yield from _web(settings)
    yield from _store(settings)


def _outbound(settings: Settings, prompts: Path, unsure: bool) -> Iterator[Finding]:
    outbound, queues = settings.outbound, {queue.name for queue in settings.queues}
    for finding in file_of(("outbound", "music"), prompts, outbound.music):
        yield Finding(finding.key, finding.text, fatal=False)  # a hold does without
    if outbound.queue is not None and outbound.queue not in queues and not unsure:
        text = f'expected the name of a queue ({listed(queues)}), got "{outbound.queue}"'
        yield Finding(("outbound", "queue"), text)


def _ports(settings: Settings) -> Iterator[Finding]:
    """Two things cannot listen at one place."""
    taken: list[tuple[Key, str, str, int, int]] = []
    for index, entry in enumerate(settings.sip.listen):
        kind, host, port = parse_listen(entry)
        taken.append((("sip", "listen", index), kind, host, port, port))
    for section, listen in (("metrics", settings.metrics.listen), ("web", settings.web.listen)):
        host, port = host_port(listen)
        taken.append(((section, "listen"), "tcp", host, port, port))
    first, last = port_range(settings.media.ports)
    own = settings.media.listen
    taken += [(("media", "ports"), "udp", address, first, last) for address in own]
    for later, (key, kind, host, low, high) in enumerate(taken):
        for other, other_kind, other_host, other_low, other_high in taken[:later]:
            if kind != other_kind or low == 0 or not (low <= other_high and other_low <= high):
                continue  # port 0: the system chooses a free one
            if _same_place(host, other_host):
                named = ".".join(map(str, other))
                yield Finding(key, f"expected ports of its own, but {named} has {other_low} too")


def _same_place(host: str, other: str) -> bool:
    if host == other:
        return True
    try:
        one, two = ip_address(host), ip_address(other)
    except ValueError:
        return False  # names: the system will say when it opens the ports
    return one.version == two.version and (one.is_unspecified or two.is_unspecified)


def _media(media: Media) -> Iterator[Finding]:
    """One address of a family, and one that a phone can be told; a pair of ports a process."""
    first, last = port_range(media.ports)
    if last + 1 - first - first % 2 < 2 * media.processes:
        text = f"expected two ports for each of {media.processes} media.processes"
        yield Finding(("media", "ports"), f'{text}, got "{media.ports}"')
    for name, addresses in (("listen", media.listen), ("advertise", media.advertise)):
        versions = [ip_address(address).version for address in addresses]
        for index, version in enumerate(versions):
            if version in versions[:index]:
                text = f'expected at most one address of IPv{version}, got "{addresses[index]}" too'
                yield Finding(("media", name, index), text)
    told = {ip_address(address).version for address in media.advertise}
    for index, address in enumerate(media.listen):
        heard = ip_address(address)
        if heard.is_unspecified and heard.version not in told:
            text = f'expected media.advertise to have an address of IPv{heard.version}, for "'
            yield Finding(("media", "listen", index), f'{text}{address}" is none to be told')
    listened = {ip_address(address).version for address in media.listen}
    for index, address in enumerate(media.advertise):
        version = ip_address(address).version
        if version not in listened:
            text = f"expected media.listen to have an address of IPv{version} too"
            yield Finding(("media", "advertise", index), f'{text}, got "{address}"')


def _expiry(settings: Settings) -> Iterator[Finding]:
    least, most = settings.sip.min_expires_seconds, settings.sip.max_expires_seconds
    if least > most:
        text = f"expected at most sip.max_expires_seconds, which is {most}, got {least}"
        yield Finding(("sip", "min_expires_seconds"), text)
    elif not least <= settings.sip.default_expires_seconds <= most:
        text = f"expected a number from {least} to {most}, sip.min_expires_seconds to sip.max_..."
        text = f"{text}, got {settings.sip.default_expires_seconds}"
        yield Finding(("sip", "default_expires_seconds"), text)


def _codes(settings: Settings) -> Iterator[Finding]:
    yield from _repeated("idle_codes", settings.idle_codes)
    yield from _repeated("wrap_up_codes", settings.wrap_up_codes)
    yield from _repeated("consult_variables", settings.consult_variables)
    for index, code in enumerate(settings.idle_codes):
        if code in list(IdleCode):
            text = f'expected a code that the server does not set itself, got "{code}"'
            yield Finding(("idle_codes", index), text)
    for code in settings.wrap_up_names:
        if code not in settings.wrap_up_codes:
            text = f"expected a code of wrap_up_codes ({listed(set(settings.wrap_up_codes))})"
            yield Finding(("wrap_up_names", code), f'{text}, got "{code}"')
    features = settings.feature_codes
    named = {"available": features.available, "idle": features.idle, "sign_out": features.sign_out}
    for index, (name, code) in enumerate(named.items()):
        if code in list(named.values())[:index]:
            yield Finding(("feature_codes", name), f'expected a code of its own, got "{code}"')
        elif name != "idle" and _is_idle(code, features.idle):
            text = f'expected a code that is not "{features.idle}" and a number, got "{code}"'
            yield Finding(("feature_codes", name), text)


def _is_idle(dialled: str, idle: str) -> bool:
    rest = dialled.removeprefix(idle)
    return dialled.startswith(idle) and (rest == "" or (rest.isascii() and rest.isdigit()))


def _numbers(settings: Settings) -> Iterator[Finding]:
    """What is dialled reaches one thing."""
    features = settings.feature_codes
    owners = {features.available: "feature_codes.available", features.sign_out: "feature_codes"}
    owners |= {agent.id: f'agent "{agent.id}"' for agent in settings.agents}
    for index, entry in enumerate(settings.entry_points):
        key: Key = ("entry_points", index)
        mine = f'entry point "{entry.name}"'
        places = [((*key, "numbers", at), number) for at, number in enumerate(entry.numbers)]
        for place, number in [((*key, "name"), entry.name), *places]:
            owner = owners.setdefault(number, mine)
            if _is_idle(number, features.idle):
                owner = "feature_codes.idle"
            if owner != mine:
                yield Finding(place, f'expected a number of its own, but "{number}" is {owner}')


def _flow(
    key: Key, entry: EntryPoint, queues: set[str], prompts: Path, unsure: bool
) -> Iterator[Finding]:
    if not entry.flow:
        yield from file_of(key, prompts, GREETING)
        if entry.name not in queues and not unsure:
            text = f'expected a flow, for there is no queue "{entry.name}" to wait in'
            yield Finding((*key, "name"), text)
    for index, step in enumerate(entry.flow):
        where: Key = (*key, "flow", index)
        given = [name for name in ("answer", "play", "queue") if getattr(step, name) is not None]
        if step.play is not None:
            yield from file_of((*where, "play"), prompts, step.play)
        if step.queue is not None and step.queue not in queues and not unsure:
            text = f'expected the name of a queue ({listed(queues)}), got "{step.queue}"'
            yield Finding((*where, "queue"), text)
        for name in {"priority", "needs"} & step.model_fields_set:
            if step.queue is None:
                yield Finding((*where, name), "expected together with queue only")
        if len(given) != 1:
            got = " and ".join(given) or "none"
            yield Finding(where, f"expected exactly one of answer, play and queue, got {got}")
        elif (step.queue is not None) != (index == len(entry.flow) - 1):
            yield Finding(where, "expected a queue as the last step, and nowhere else")


def _queue(
    key: Key, queue: Queue, settings: Settings, prompts: Path, unsure: frozenset[str]
) -> Iterator[Finding]:
    yield from file_of((*key, "music"), prompts, queue.music)
    can_overflow = queue.max_waiting is not None or queue.max_wait_seconds is not None
    if queue.overflow_prompt is not None and can_overflow:
        yield from file_of((*key, "overflow_prompt"), prompts, queue.overflow_prompt)
    yield from check_rules(key, queue, settings, unsure)
    reached = {
        step.queue
        for entry in settings.entry_points
        for step in entry.flow
        if step.queue is not None
    } | {entry.name for entry in settings.entry_points if not entry.flow}
    reached |= reached_by_rules(settings)
    if "entry_points" not in unsure and queue.name not in reached:
        yield Finding((*key, "name"), "expected an entry point that leads here", fatal=False)


def _trunks(settings: Settings) -> Iterator[Finding]:
    names = {entry.name for entry in settings.entry_points}
    for index, trunk in enumerate(settings.trunks):
        if trunk.entry_points == "all":
            continue
        for at, name in enumerate(trunk.entry_points):
            if name not in names:
                text = f'expected the name of an entry point ({listed(names)}), got "{name}"'
                yield Finding(("trunks", index, "entry_points", at), text)


def _dial_plan(settings: Settings, unsure: bool) -> Iterator[Finding]:
    gateways = {trunk.name for trunk in settings.trunks if trunk.gateway is not None}
    for index, rule in enumerate(settings.dial_plan):
        if rule.trunk is not None and rule.trunk not in gateways and not unsure:
            text = f'expected a trunk with a gateway ({listed(gateways)}), got "{rule.trunk}"'
            yield Finding(("dial_plan", index, "trunk"), text)
    yield from _repeated("dial_plan", [rule.prefix for rule in settings.dial_plan])
    listeners = [ip_address(parse_listen(e)[1]) for e in settings.sip.listen if e[:3] == "udp"]
    for index, trunk in enumerate(settings.trunks):
        if trunk.gateway is None:
            continue
        version = ip_address(host_port(trunk.gateway)[0]).version
        if version not in {listener.version for listener in listeners}:
            text = f"expected a sip.listen entry for UDP over IPv{version}, to reach it from"
            yield Finding(("trunks", index, "gateway"), text)


def _accounts(settings: Settings, unsure: bool) -> Iterator[Finding]:
    yield from _repeated("accounts", [account.name for account in settings.accounts])
    agents = {agent.id for agent in settings.agents}
    for index, account in enumerate(settings.accounts):
        key: Key = ("accounts", index, "agent")
        if account.agent is None and account.role == "agent":
            yield Finding(key, "expected the id of an agent, for that is the account's role")
        elif account.agent is not None and account.agent not in agents and not unsure:
            text = f'expected the id of an agent ({listed(agents)}), got "{account.agent}"'
            yield Finding(key, text)


def _web(settings: Settings) -> Iterator[Finding]:
    web = settings.web
    if (web.tls_certificate is None) != (web.tls_key is None):
        yield Finding(("web", "tls_key"), "expected together with web.tls_certificate")
    for name, text in (("tls_certificate", web.tls_certificate), ("tls_key", web.tls_key)):
        if text is not None and not Path(text).is_file():
            yield Finding(("web", name), f"expected a file, found none at {text}")


def _store(settings: Settings) -> Iterator[Finding]:
    """Not by its type: what the journal keeps of a configuration has asterisks there."""
    url = settings.store.url
    if url is not None:
        try:
            database_url(url.get_secret_value())
        except ValueError:
            text = f"expected {DatabaseUrl.words}, got something else"
            yield Finding(("store", "url"), text)


def _directory(settings: Settings, unsure: bool) -> Iterator[Finding]:
    agents = {agent.id for agent in settings.agents}
    for index, entry in enumerate(settings.directory):
        if (entry.number is None) == (entry.agent is None):
            yield Finding(("directory", index), "expected exactly one of number and agent")
        elif entry.agent is not None and entry.agent not in agents and not unsure:
            text = f'expected the id of an agent ({listed(agents)}), got "{entry.agent}"'
            yield Finding(("directory", index, "agent"), text)
    yield from _repeated("directory", [entry.name for entry in settings.directory])


def _repeated(table: str, names: Sequence[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Finding((table, index), f'expected each one once, got "{name}" again')
        seen.add(name)
